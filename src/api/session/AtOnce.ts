/**
 * A session that would be of use but is not needed: where it finds no slot of its fleet free, whoever asks for it does
 * without, instead of waiting for one that may be in use for as long as the program runs.
 */
import * as Context from "effect/Context"

/** Whether what is being connected fails where it would have to wait for a slot of its device. */
export const Current = Context.Reference<boolean>("effect-netconf/AtOnce", { defaultValue: () => false })
