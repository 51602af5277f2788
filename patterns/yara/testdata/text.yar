// Text strings and their modifiers.
rule plain : first second { meta: author = "x\ty" n = 12 neg = -3 yes = true no = false strings: $a = "hello" condition: $a }
rule is_nocase { strings: $a = "hello" nocase condition: $a }
rule is_wide { strings: $a = "hello" wide condition: $a }
rule wide_ascii { strings: $a = "hello" wide ascii condition: $a }
rule wide_nocase { strings: $a = "WORLD" wide nocase condition: $a }
rule full { strings: $a = "hello" fullword condition: $a }
rule full_nocase { strings: $a = "hello" fullword nocase condition: $a }
rule full_wide { strings: $a = "hello" fullword wide $b = "ell" fullword wide ascii condition: any of them }
rule full_signs { strings: $a = "foo" fullword $b = "bar" fullword $c = " foo" fullword condition: any of them }
rule escapes { strings: $a = "\r\n\t" $b = "\x90\x00\x03" $c = "MZ\x90" condition: any of them }
rule hidden { strings: $a = "hello" private $b = "world" condition: $a and $b }
rule anonymous { strings: $ = "hello" condition: all of them }
rule same1 { strings: $a = "hello" $b = "hello" condition: #a == #b }
rule xor_all { strings: $a = "secret" xor condition: $a }
rule xor_range { strings: $a = "secret" xor(1-16) condition: $a }
rule xor_one { strings: $a = "secret" xor(255) condition: $a }
rule xor_zero { strings: $a = "secret" xor(0-0) condition: $a }
rule xor_wide { strings: $a = "hello" xor wide condition: $a }
rule xor_both { strings: $a = "hello" xor wide ascii condition: $a }
rule xor_full { strings: $a = "secret" xor fullword condition: $a }
rule b64 { strings: $a = "This program cannot" base64 condition: $a }
rule b64wide { strings: $a = "This program cannot" base64wide condition: $a }
rule b64both { strings: $a = "This program cannot" base64 base64wide condition: $a }
rule b64alphabet { strings: $a = "This program cannot" base64("!@#$%^&*(){}[].,|ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu") condition: not $a }
rule b64short { strings: $a = "prog" base64 condition: $a }
rule unused { strings: $_a = "hello" condition: $_a or filesize < 10 }
