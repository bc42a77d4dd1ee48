/// <reference types="@webgpu/types" />
export * from '../../dist/index.js'
