// Run as a process of its own by adapter.mjs: asks Dawn for an adapter and a device, and prints what it got as JSON.
// A broken Vulkan driver can crash or hang here without taking the set-up with it.

/** @returns {Promise<object>} `{ adapter }`, null when there is none, or `{ unloadable }`: why Dawn does not load */
async function lookForAdapter() {
  let dawn
  try {
    dawn = await import('webgpu')
  } catch (error) {
    return { unloadable: error instanceof Error ? error.message.split('\n')[0] : String(error) }
  }
  const adapter = await dawn.create([]).requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return { adapter: null }
  const gpuDevice = await adapter.requestDevice()
  const { vendor, architecture, device, description, isFallbackAdapter: software } = adapter.info
  gpuDevice.destroy()
  return { adapter: { vendor, architecture, device, description, software } }
}

try {
  process.stdout.write(JSON.stringify(await lookForAdapter()))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
