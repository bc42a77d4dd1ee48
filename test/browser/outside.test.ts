import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { Outside } from './outside.ts'

let outside: Outside
afterEach(() => outside.close())

it('outlives browsers that are gone before it has refused them', async () => {
  outside = await Outside.open()
  for (let i = 0; i < 3; i++) {
    const socket = connect(outside.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n')
    await sleep(20)
    socket.resetAndDestroy()
  }
  await sleep(50) // an error that nobody hears would end the run now
  expect(outside.asked).toEqual(Array(3).fill('example.com:443'))
})
