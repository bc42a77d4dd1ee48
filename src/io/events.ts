/**
 * Events of a training as TensorBoard reads them: each is the data of one record in a TFRecord file.
 *
 *   Event   { double wall_time = 1; int64 step = 2;
 *             oneof { string file_version = 3; Summary summary = 5; SessionLog session_log = 7 } }
 *   Summary { repeated Value value = 1 }      Value { string tag = 1; oneof { float simple_value = 2; Image image = 4 } }
 *   Image   { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4 }
 *   SessionLog { SessionStatus status = 1 }
 *
 * Sources: tensorflow/core/util/event.proto; tensorflow/core/framework/summary.proto.
 */
import { bytesField, concat, doubleField, floatField, integerField } from './protobuf.ts'

/** When and where in the training something happened. */
export interface Moment {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step: number
}

export interface EncodedPicture {
  readonly png: Uint8Array
  readonly width: number
  readonly height: number
}

const START = 1
const RGB = 3

/** The event that every file begins with. */
export const versionEvent = (wallTime: number) =>
  concat([doubleField(1, wallTime), bytesField(3, 'brain.Event:2')])

/** Says that the program begins with step `step`: what an older file has of it and of later ones is to be forgotten. */
export const startEvent = (moment: Moment) => event(moment, 7, integerField(1, START))

/** One number under each tag. */
export function scalarEvent(moment: Moment, scalars: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) => tagged(tag, floatField(2, value)))
  return event(moment, 5, concat(values))
}

export function imageEvent(moment: Moment, tag: string, { png, width, height }: EncodedPicture): Uint8Array {
  const image = [integerField(1, height), integerField(2, width), integerField(3, RGB), bytesField(4, png)]
  return event(moment, 5, tagged(tag, bytesField(4, concat(image))))
}

const event = ({ wallTime, step }: Moment, what: number, message: Uint8Array) =>
  concat([doubleField(1, wallTime), integerField(2, step), bytesField(what, message)])

const tagged = (tag: string, value: Uint8Array) => bytesField(1, concat([bytesField(1, tag), value]))
