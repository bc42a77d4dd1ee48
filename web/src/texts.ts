/** All that the page says. Translate this file. */
export const TEXTS = {
  title: 'Colorizer',
  about: 'About',
  train: 'Train',
  dismiss: 'Dismiss',

  // before there is a picture
  welcome: 'Choose a photograph',
  dropLead: 'Drop a photograph here',
  dropHint: 'or several, or paste one',
  choose: 'Choose pictures',
  camera: 'Take a photograph',
  samples: 'Or try one of these',
  promise: 'Your pictures stay on this device: the page colours them here and sends nothing.',

  // the picture
  work: 'The picture',
  divider: 'Before and after',
  dividerValue: (percent: number) => `${percent}% before`,
  zoom: 'Zoom',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  zoomFit: 'Fit',
  stage: 'Picture, before on the left and after on the right',
  seen: (names: readonly string[]) => `It may show: ${names.join(', ')}`,

  // its look
  saturation: 'Saturation',
  warmth: 'Warmth',
  strength: 'Strength',
  percent: (value: number) => `${Math.round(100 * value)}%`,
  signed: (value: number) => `${value > 0 ? '+' : ''}${Math.round(100 * value)}`,
  reset: 'Reset',

  // files
  format: 'Format',
  download: 'Download',
  fileName: (name: string) => `${name}-coloured`,

  // what goes on
  starting: 'Starting …',
  loading: (percent: number) => `Loading the network: ${percent}%`,
  ready: 'Ready',
  reading: (name: string) => `Reading ${name} …`,
  colouring: (name: string) => `Colouring ${name} …`,
  done: (name: string) => `${name} is coloured`,
  saving: 'Writing the file …',

  // trouble
  noWebGpu:
    'This browser does not offer WebGPU to the page, which it needs to compute. Current versions of Chrome, Edge, Safari and Firefox have it, on most devices; the page must come by https or from this computer.',
  failed: (name: string, reason: string) => `${name}: ${reason}`,
} as const
