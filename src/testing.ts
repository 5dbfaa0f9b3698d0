/**
 * `effect-netconf/testing`: servers and recordings to test network automation with, without a network.
 */
export * as BrokenNotifications from "./testing/BrokenNotifications.ts"
export * as Dialects from "./testing/Dialects.ts"
export * as Faults from "./testing/Faults.ts"
export * as Keys from "./testing/Keys.ts"
export * as Model from "./testing/Model.ts"
export * as Refusal from "./testing/Refusal.ts"
export * as SampleModel from "./testing/SampleModel.ts"
export * as ScriptedServer from "./testing/ScriptedServer.ts"
export * as SimulatedDevice from "./testing/SimulatedDevice.ts"
export * as Transcript from "./testing/Transcript.ts"
