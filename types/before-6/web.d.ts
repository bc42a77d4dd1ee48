/// <reference types="@webgpu/types" />
export * from '../../dist/web/index.js'
