import { describe, expect, it } from 'vitest'
import { readSafetensors } from '../src/node/safetensors.ts'
import { run } from './program.ts'

/*
 * The last block of MobileNet v1, behind a frozen rest, is trained for some steps on four photographs. What must come out was
 * computed by PyTorch in float64: see golden/finetune_torch.py, which also says what the keys are. `golden.test.ts` shows that
 * the comparison finds a wrong number.
 */
const FILE = 'test/golden/finetune.safetensors'
const names = ['conv25', 'conv26', 'conv27'].flatMap((name) => [`${name}.weight`, `${name}.bias`])

describe("MobileNet's last block, fine-tuned", () => {
  it('takes the steps that PyTorch takes', { timeout: 300_000 }, async () => {
    const { tensors } = await readSafetensors(FILE)
    const keys = ['logits', 'losses', ...names.flatMap((name) => [`grad/${name}`, `change/${name}`])]
    const compared = [...tensors.keys()].filter((key) => /^(logits|losses|(grad|change)\/.*)$/.test(key))
    expect(compared.sort()).toEqual(keys.sort())
    const losses = [...tensors.get('losses')!.data]
    expect(losses).toEqual(losses.toSorted((a, b) => b - a))

    const { code, stdout } = await run(['golden', FILE, '--json'])
    const { passed, worst } = JSON.parse(stdout.toString())
    expect(worst, JSON.stringify(worst)).toSatisfy(() => passed)
    expect(code).toBe(0)
    expect(Object.keys(worst)).toEqual(['evalForward', 'gradients', 'losses', 'final'])
    for (const { error, share } of Object.values<{ error: number; share: number }>(worst))
      expect(error > 0 && share <= 1).toBe(true)
  })
})
