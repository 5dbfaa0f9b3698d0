/**
 * Which namespace belongs to which module: RESTCONF paths name modules, XML has namespaces. Known from the hello or the YANG
 * library, and from values; guessed from the text of a namespace, which the IETF ends in the module's name.
 */
/** How a module belongs to a namespace: `likely` and `unlikely` by the text of the namespace, `unknown` by nothing at all. */
export type Belonging = "known" | "likely" | "unknown" | "unlikely" | "other"

/** Which namespace belongs to which module, as far as it is known. */
export class ModuleNamespaces {
  readonly #known = new Map<string, string>()

  constructor(modules: Iterable<{ readonly name: string; readonly namespace: string }> = []) {
    this.add(modules)
  }

  /** What the device has said of its modules. */
  add(modules: Iterable<{ readonly name: string; readonly namespace: string }>): void {
    for (const { name, namespace } of modules) this.#known.set(name, namespace)
  }

  /** What a value shows; what the device has said of its modules stays. */
  learn(module: string, namespace: string): void {
    if (!this.#known.has(module)) this.#known.set(module, namespace)
  }

  belongs(module: string, namespace: string): Belonging {
    const known = this.#known.get(module)
    if (known !== undefined) return known === namespace ? "known" : "other"
    if (namespace === module || namespace.endsWith(`:${module}`) || namespace.endsWith(`/${module}`)) return "likely"
    for (const other of this.#known.values()) if (other === namespace) return "other"
    // It ends in the name of another module.
    return namespace.startsWith("urn:ietf:params:xml:ns:yang:") ? "unlikely" : "unknown"
  }
}
