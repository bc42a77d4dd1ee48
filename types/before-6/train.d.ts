/// <reference types="@webgpu/types" />
export * from '../../dist/train/index.js'
