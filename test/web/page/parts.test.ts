/** Small parts of the page. */
import { readFileSync } from 'node:fs'
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { distinctNames } from '../../../web/src/files/save.ts'
import { History } from '../../../web/src/history.ts'
import { filesIn } from '../../../web/src/intake.ts'
import { answerCalls, Caller, type Context } from '../../../web/src/worker/calls.ts'
import { distinctColours } from '../../../web/src/worker/distinct.ts'

describe('a history', () => {
  it('goes back and forth, and forgets what was undone once something else is done', () => {
    const history = new History('a')
    history.undo()
    history.do('b')
    history.do('c')
    history.undo()
    history.undo()
    expect([history.now, history.canUndo, history.canRedo]).toEqual(['a', false, true])
    history.redo()
    expect(history.now).toBe('b')
    history.do('d')
    history.redo()
    expect([history.now, history.canRedo]).toEqual(['d', false])
    history.undo()
    expect(history.now).toBe('b')
  })
})

it('names files that would be called the same', () => {
  const nameOf = distinctNames()
  expect(['a', 'a', 'A', 'b'].map((name) => nameOf(name, 'jpg'))).toEqual([
    'a.jpg',
    'a-2.jpg',
    'A-3.jpg',
    'b.jpg',
  ])
})

it('offers the likeliest of colours that look alike', () => {
  const colours = ['#808080', '#818080', '#c03030', '#bf3131', '#3030c0'].map((color, i) => ({
    color,
    probability: 0.5 ** (i + 1),
  }))
  expect(distinctColours(colours, 5).map(({ color }) => color)).toEqual(['#808080', '#c03030', '#3030c0'])
  expect(distinctColours(colours, 2)).toHaveLength(2)
})

it('takes the files of a dropped folder, and of those in it, but not what is hidden or a system’s', async () => {
  const file = (name: string) => ({
    ...{ name, isFile: true },
    file: (take: (file: File) => void) => take(new File([], name)),
  })
  /** Its entries are read one by one, as browsers read many in parts. */
  const folder = (name: string, ...entries: object[]) => ({
    ...{ name, isFile: false },
    createReader: () => ({ readEntries: (take: (some: object[]) => void) => take(entries.splice(0, 1)) }),
  })
  const dropped = folder(
    'album',
    ...['.DS_Store', '._a.jpg', 'Thumbs.db', 'desktop.ini', 'a.jpg'].map(file),
    folder('.trash', file('b.jpg')),
    folder('more', file('c.png')),
  )
  const names = async (entry: object) => (await filesIn(entry as FileSystemEntry)).map(({ name }) => name)
  expect(await names(dropped)).toEqual(['a.jpg', 'c.png'])
  expect(await names(file('.hidden.jpg'))).toEqual(['.hidden.jpg'])
})

it("says in the docs the policy that a host can send, which is the page's own", () => {
  const [, own] = /Content-Security-Policy"\s+content="([^"]+)"/.exec(readFileSync('web/index.html', 'utf8'))!
  const [, docs] = /^Content-Security-Policy: (.+)$/m.exec(readFileSync('docs/web.md', 'utf8'))!
  expect(docs).toBe(`${own}; frame-ancestors 'none'`) // which pages cannot say themselves
})

describe('calls', () => {
  interface Methods {
    double: { input: number; value: number }
    fail: { input: null; value: never }
    wait: { input: null; value: string }
  }

  /** Both ends, joined by a channel in place of a worker. */
  function joined() {
    const { port1, port2 } = new MessageChannel()
    const listening = (port: typeof port1) => ({
      addEventListener: (type: string, listener: (event: { data: never }) => void) => {
        if (type === 'message') port.on('message', (data) => listener({ data: data as never }))
      },
      postMessage: (message: unknown) => port.postMessage(message),
    })
    answerCalls<Methods>(listening(port2) as never, {
      double: async (input, { tell }) => {
        tell('half-way')
        return 2 * input
      },
      fail: async () => {
        throw Object.assign(new Error('no such picture'), { name: 'UserError', trouble: 'input' })
      },
      wait: (_, { signal }: Context) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve('as far as it came'))),
    })
    const caller = new Caller<Methods>(listening(port1) as never)
    return { caller, close: () => port1.close() }
  }

  it('are answered, with what is told meanwhile and what is thrown', async () => {
    const { caller, close } = joined()
    const told: unknown[] = []
    const onProgress = (value: unknown) => void told.push(value)
    const both = [caller.call('double', 4, { onProgress }), caller.call('double', 5)]
    expect(await Promise.all(both)).toEqual([8, 10])
    expect(told).toEqual(['half-way'])
    const failure = { name: 'UserError', message: 'no such picture', trouble: 'input' }
    await expect(caller.call('fail', null)).rejects.toMatchObject(failure)
    close()
  })

  it('fail in words when the worker does not even begin', async () => {
    const worker = Object.assign(new EventTarget(), { postMessage: () => {} })
    const caller = new Caller<Methods>(worker as never)
    const call = caller.call('double', 4)
    worker.dispatchEvent(new Event('error'))
    await expect(call).rejects.toThrow(/Reload the page/)
    await expect(caller.call('double', 5)).rejects.toThrow(/Reload the page/)
  })

  it('are answered again by a worker that has begun, whatever was thrown in it', async () => {
    const worker = Object.assign(new EventTarget(), { postMessage: () => {} })
    const caller = new Caller<Methods>(worker as never)
    const answer = (id: number, value: number) =>
      worker.dispatchEvent(Object.assign(new Event('message'), { data: { id, value } }))
    const first = caller.call('double', 4)
    answer(1, 8)
    expect(await first).toBe(8)
    const second = caller.call('double', 5)
    worker.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }))
    await expect(second).rejects.toThrow('out of memory')
    const third = caller.call('double', 6)
    answer(3, 12)
    expect(await third).toBe(12)
  })

  it('are not cancelled any more once they are answered', async () => {
    const sent: object[] = []
    const controller = new AbortController()
    const worker = Object.assign(new EventTarget(), {
      postMessage: (message: object) => void sent.push(message),
    })
    const call = new Caller<Methods>(worker as never).call('double', 4, { signal: controller.signal })
    worker.dispatchEvent(Object.assign(new Event('message'), { data: { id: 1, value: 8 } }))
    expect(await call).toBe(8)
    controller.abort()
    expect(sent).toEqual([{ id: 1, method: 'double', input: 4 }])
  })

  it('throw the reason of being cancelled, or wait for what was done until then', async () => {
    const { caller, close } = joined()
    const reason = new DOMException('enough', 'AbortError')
    const [one, other] = [new AbortController(), new AbortController()]
    const thrown = caller.call('wait', null, { signal: one.signal })
    const waited = caller.call('wait', null, { signal: other.signal, waits: true })
    one.abort(reason)
    other.abort(reason)
    await expect(thrown).rejects.toBe(reason)
    expect(await waited).toBe('as far as it came')
    expect(() => caller.call('double', 1, { signal: one.signal })).toThrow(reason)
    close()
  })
})
