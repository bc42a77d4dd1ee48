/// <reference types="@webgpu/types" />
export * from '../../dist/engine.js'
