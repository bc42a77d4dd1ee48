/** All that the page says. Translate this file. */

/** The first ones of what may be many. */
const few = (all: readonly string[]) =>
  [...all.slice(0, 3), ...(all.length > 3 ? [`and ${all.length - 3} more`] : [])].join('; ')

export const TEXTS = {
  title: 'Colorizer',
  menu: 'Menu',
  colour: 'Colour',
  train: 'Train',
  about: 'About',
  close: 'Close',
  dismiss: 'Dismiss',
  cancel: 'Cancel',
  noScript: 'This page colours photographs by a program in JavaScript, which is turned off here.',

  // before there is a picture
  welcome: 'Choose a photograph',
  dropLead: 'Drop a photograph here',
  dropHint: 'one or many, or paste one',
  choose: 'Choose pictures',
  camera: 'Take a photograph',
  samples: 'Or try one of these',
  sampleNames: {
    'nagasaki-boats': 'Boats at Nagasaki',
    'dust-bowl-home': 'A home in the Dust Bowl',
    'march-pastoral': 'Sheep in March',
  },
  promise: 'Your pictures stay on this device: the page colours them here and sends nothing.',

  // the picture
  work: 'The picture',
  stage: 'Picture: click a place to tell its colour; + and − zoom, arrows move',
  divider: 'Line between before and after',
  dividerValue: (percent: number) => `${percent}% before`,
  zoom: 'Zoom',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  zoomFit: 'Fit',
  seen: (names: readonly string[]) => `The classifier sees: ${names.join(', ')}`,
  pictures: 'Pictures',
  others: 'All pictures, and the network',
  another: 'More pictures',

  // its look
  look: 'Look',
  saturation: 'Saturation',
  warmth: 'Warmth',
  strength: 'Strength',
  boldness: 'Boldness',
  version: 'Version',
  versionName: (number: number) => (number === 0 ? 'The likeliest' : `No. ${number}`),
  keepTone: 'Keep the tone of the print',
  percent: (value: number) => `${Math.round(100 * value)}%`,
  signed: (value: number) => `${value > 0 ? '+' : ''}${Math.round(100 * value)}`,
  reset: 'Reset',

  // told colours
  correct: 'Correct',
  correctHint: 'Click a place that has the wrong colour, and choose a better one.',
  addHint: 'Add a colour',
  undo: 'Undo',
  redo: 'Redo',
  saveHints: 'Save colours',
  loadHints: 'Load colours',
  swatches: 'Colour of this place',
  swatchesTitle: 'It may be',
  looking: 'Looking …',
  swatch: (colour: string, probability: number) =>
    `${colour}, ${probability < 0.01 ? 'less than 1' : Math.round(100 * probability)}% likely`,
  freeColour: 'Another colour',
  removeHint: 'Remove',
  dot: (number: number, colour: string, x: number, y: number) =>
    `Colour ${number}: ${colour}, ${Math.round(100 * x)}% from the left, ${Math.round(100 * y)}% from the top. Arrow keys move it, Delete removes it.`,
  hintsFile: (name: string) => `${name}.hints.json`,

  // files
  save: 'Save',
  format: 'Format',
  download: 'Download',
  downloadAll: 'Colour and download all (ZIP)',
  fileName: (name: string) => `${name}-coloured`,
  zipName: 'coloured.zip',
  batch: 'Progress of all pictures',
  batchProgress: (done: number, all: number, left: string) =>
    `${done} of ${all} pictures${left && `, ${left} left`}`,
  batchDone: (done: number, all: number) => `${done} of ${all} pictures are in the ZIP.`,
  batchFailed: (failures: readonly string[]) => `Not coloured: ${few(failures)}`,
  duration: (seconds: number) =>
    seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`,

  // the network
  network: 'Network',
  networks: { lite: 'Lite' } as Readonly<Record<string, string>>,
  ownWeights: 'Weights of your own …',
  weightsFile: 'File with weights of your own',

  trainedWeights: 'Trained here',

  // training
  trainTitle: 'Teach the network your photographs',
  trainWhat:
    'Choose a folder of photographs in colour. The network sees them in grey, paints them, and learns from the difference. It learns the layers that paint; those that recognise things stay as they are. One photograph in eight is held out, to see how it does on pictures that it has not learnt.',
  trainFolder: 'Choose a folder',
  trainSamples: 'Use the sample photographs',
  trainChosen: (count: number) => `${count} photographs chosen`,
  trainNothing: 'There are no photographs in this folder.',
  trainSettings: 'Settings',
  steps: 'Steps',
  batchSize: 'Photographs a step',
  side: 'Side in pixels (multiples of 32)',
  rate: 'Learning rate',
  seed: 'Seed',
  every: 'Steps between tests',
  trainStart: 'Start',
  trainStop: 'Stop',
  trainGoOn: 'Go on',
  trainSave: 'Download weights',
  trainUse: 'Colour with these weights',
  weightsName: 'trained.safetensors',
  trainPreparing: 'Preparing …',
  trainStep: (step: number, total: number, loss: number, left: string) =>
    `Step ${step} of ${total}, loss ${loss.toPrecision(5)}, ${left} left`,
  trainStopping: 'Finishing the step …',
  trainEnd: (step: number) => `${step} steps are done.`,
  trainCurve: (loss: number) => `Loss over the steps, now ${loss.toPrecision(3)}`,
  trainScore: (step: number, error: number, gray: number) =>
    `Held-out photographs after step ${step}: error ${error.toFixed(0)} (all grey: ${gray.toFixed(0)})`,
  trainColumns: ['grey', 'painted', 'original'],
  trainRow: (number: number) => `Held-out photograph ${number}: grey, painted, original`,

  // what goes on
  starting: 'Starting …',
  loading: (percent: number) => `Loading the network: ${percent}%`,
  ready: 'Ready',
  reading: (name: string) => `Reading ${name} …`,
  colouring: (name: string) => `Colouring ${name} …`,
  recolouring: 'Colouring anew …',
  done: (name: string) => `${name} is coloured`,

  // about
  aboutWhat:
    'A neural network looks at a grey photograph and paints it. It does not know the true colours: it paints likely ones, and you can tell it better. All of it, training too, is computed by this page on your own graphics processor.',
  aboutLimits:
    'Pictures are saved with 8 bits a channel in sRGB. Transparency becomes white, and of animations the first picture is taken.',
  aboutSource: 'Licences and sources',
  aboutKeysTitle: 'Keys',
  aboutKeys:
    'On the picture, + and − zoom, 0 fits and arrows move. On the line between before and after, arrows move the line. On a told colour, arrows move it, Enter opens it and Delete removes it. Ctrl+Z undoes, Ctrl+Shift+Z does again.',
  adapter: (name: string) => `Computed by ${name}.`,

  // trouble
  noWebGpu:
    'This browser gives the page no WebGPU, which it needs to compute. Chrome and Edge have it from version 113, Safari from 26, Firefox from 141 on Windows and 145 on Macs. On Linux turn it on: in Chrome at chrome://flags/#enable-unsafe-webgpu, in Firefox by dom.webgpu.enabled at about:config.',
  insecure:
    'Browsers give WebGPU only to pages that come by https or from this computer, and this one does not.',
  noAdapter:
    'This browser has WebGPU, but finds no graphics processor for it. Turn on graphics acceleration in its settings, or update the graphics driver. On Linux turn WebGPU on: in Chrome at chrome://flags/#enable-unsafe-webgpu, in Firefox by dom.webgpu.enabled at about:config.',
  trouble: (name: string, reason: string) => `${name}: ${reason}`,
  troubles: (all: readonly string[]) => few(all),
  noPicture: 'There was no picture in what was dropped or pasted.',
  tooMany: (most: number) => `Only the first ${most} pictures were taken: colour these first.`,
  noWebp: 'This browser cannot write this format; the file is a PNG.',
  workerBroken: 'The page’s program stopped. Reload the page; your pictures are still where they were.',
} as const

/** Why a file cannot be read, by what it is. */
export const UNREADABLE = {
  empty: 'the file is empty',
  tiff: 'this browser cannot read TIFF (Safari can); save it as PNG or JPEG, or use the command line',
  raw: 'browsers cannot read a camera’s raw files; save it as JPEG',
  heic: 'this browser cannot read HEIC (Safari can); save it as JPEG',
  other: 'this is no picture that a browser can read',
  damaged: 'the file is damaged or cut off',
} as const

/** What is worth knowing of a file that was read. */
export const NOTES = {
  deep: 'The file has 16 bits a channel; the result has 8.',
  animated: 'The file is animated; this is its first picture.',
  noExif: 'The date and place in a HEIC or AVIF file are not taken over.',
  inColour: 'It has colours already; only its lightness is looked at.',
} as const

/** Why nothing can be trained. */
export const UNTRAINABLE = {
  noGpu: 'this browser gives no graphics processor to train on',
  tooFew: (pictures: number, batch: number) =>
    `there are ${pictures} photographs to train on, fewer than the ${batch} of one step: choose more, or a smaller batch`,
  noWeights: 'nothing was trained yet',
} as const
