/** A thread that fails before it does anything. */
throw new Error("this instrumentation does not work in threads")
