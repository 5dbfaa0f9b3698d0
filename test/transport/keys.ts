/**
 * Public keys and known_hosts lines that ssh-keygen made, for the tests about host keys.
 */

export const ed25519 = {
  type: "ssh-ed25519",
  base64: "AAAAC3NzaC1lZDI1NTE5AAAAIKAFAXgjyNDgYUwrOzmuRC9AXreEMBCdVA56RM/aXrqu",
  fingerprint: "SHA256:DJOluI7kHpHqbGEwqqiXe/WnUeAkXzSGmKNz7YcsJ74"
}

export const other = {
  type: "ssh-ed25519",
  base64: "AAAAC3NzaC1lZDI1NTE5AAAAIFLDI9AcgsfyT7gOEhTbpLrKCOJKV6M8k3cB2SeEjomJ",
  fingerprint: "SHA256:sQxBJU2/Wt3cm2teIDm+zwI8TepUIHSt5UP951jPfZE"
}

export const ecdsa = {
  type: "ecdsa-sha2-nistp256",
  base64:
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBH9iYJJsDxLeXz9bL8d3mWydkXlO7dYdW9FKlneBrweyYtcj/stXbKBOVLDRvfXtEuOkWgxSvxTli/X7jGv9/Qk=",
  fingerprint: "SHA256:PsNNMgtgPXpwUSoJg3oP02SBvi8Uohl1VZZF7Ip/PEg"
}

export const rsa = {
  type: "ssh-rsa",
  base64:
    "AAAAB3NzaC1yc2EAAAADAQABAAABgQC4dUnl7YJnXS0NJSd1WhLrZI3LQhLuFQ6kgoiXJzATeQRZUKE+GMb/aECVCObSLhusy9KNGNYbzXT3IlPy/9+XFHUX+Q/5n6KoQz+EC2H4ayx4rScRTwPn+NEYAbfwrhlIlVu7ksP0+7IcsDC648oDJ7S7GHxC2mR+LdlnzgErbHYHNeIg1Wh44BoYMWd5MhkbnmT2DXj7wbQXxs7mrCk71R1fEB2he5+iDJnP5HLzx21IjkSwVyRPZ4PPakIrH7Brh1UDXqEA+1aj1r7FMabO2nEWNnHMfZa5e1d7Zl0SKtSnRbulyy4LrZ7c55QSF7nEXtkY43nbvhICpxbWODp6Hna3/iNFHHtFBbxfMdcHPTJ/iqDF/Izo7HgSddWDGgB0JWRV0cRGVvQV+Dwk4XB4M0BifWQ6tzDGMJXmkcM8VvM6hl4xXn2p2J+dt+ybSJFyrvRV8uO/lf1Hd0+AUtGtgxXIA1gIxFe85nZDl9WnWrX6YHuBQ61RDl66mGCiw9E=",
  fingerprint: "SHA256:pL5kRZ/lteThoKGkRBEwHyJu7l+mIUq8U5xhKFEZj7o"
}

export type PublicKey = typeof ed25519

export const text = (key: PublicKey): string => `${key.type} ${key.base64}`

export const blob = (key: PublicKey): Buffer => Buffer.from(key.base64, "base64")

/** `ssh-keygen -H` of leaf-01 (ed25519), [leaf-02]:830 (ecdsa) and 192.0.2.7 (other). */
export const hashed = [
  `|1|c7MT2oEAzqYsczMCYvcvyV3BRuc=|LsvMJADSk9VLL/lt43chg4mrYyI= ${text(ed25519)}`,
  `|1|XpeLH1djAfBhFTgEQ/Wm/ubR0Q4=|HWd5DsKa4VNBHSwmFqf8SCzaZRY= ${text(ecdsa)}`,
  `|1|jav4dlvpnjuuif/emzTZ8WqXxic=|afR2D2BxHQ6S/hsNmNoB2HNFkwI= ${text(other)}`
].join("\n")
