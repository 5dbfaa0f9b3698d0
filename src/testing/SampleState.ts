/**
 * State data of the sample model: what `get` shows besides the configuration.
 */
import * as Element from "../xml/Element.ts"
import * as SampleModel from "./SampleModel.ts"

const leaf = (name: string, namespace: string, text: string): Element.Element =>
  Element.make(name, namespace, { children: [text] })

const interfaceState = (configured: Element.Element): Element.Element => {
  const namespace = SampleModel.interfaces
  const name = Element.text(Element.child(configured, "name")!)
  const enabled = Element.child(configured, "enabled", namespace)
  const status = enabled !== undefined && Element.text(enabled) === "false" ? "down" : "up"
  return Element.make("interface", namespace, {
    children: [
      leaf("name", namespace, name),
      leaf("admin-status", namespace, status),
      leaf("oper-status", namespace, status),
      Element.make("statistics", namespace, {
        children: [leaf("in-octets", namespace, "45621"), leaf("out-octets", namespace, "774344")]
      })
    ]
  })
}

const platform = Element.make("system-state", SampleModel.system, {
  children: [
    Element.make("platform", SampleModel.system, {
      children: [leaf("os-name", SampleModel.system, "simulated"), leaf("machine", SampleModel.system, "memory")]
    })
  ]
})

/** The state of what is configured in running. */
export const make = (running: Element.Element): Element.Element => {
  const configured = Element.findAll(running, ["interfaces", "interface"])
  const children =
    configured.length === 0
      ? []
      : [Element.make("interfaces", SampleModel.interfaces, { children: configured.map(interfaceState) })]
  return Element.make("data", "", { children: [...children, platform] })
}
