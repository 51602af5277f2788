// Strings with long jumps, which are looked for in parts.
rule endless { strings: $a = { 68 65 6C 6C 6F [-] 77 6F 72 6C 64 } $b = { 4D 5A [-] DE AD [-] FF FE } condition: any of them }
rule bounded { strings: $a = { 68 65 6C 6C 6F [201-3000] 62 65 65 } $b = { 4D 5A [1000-8000] DE AD BE EF } $c = { 61 62 ( 63 | 78 62 ) [250-900] 54 68 } condition: any of them }
rule several { strings: $a = { 66 6F 6F [-] 62 61 72 [0-400] 73 [300-] DE AD } condition: #a > 1 and @a[2] > @a[1] and !a[1] > 2000 and $a in (0..filesize) and not $a at 0 }
rule wild { strings: $a = { 68 ?? 6C [-] ?? ?? [2-300] 7E ?? } $b = { 4? 5? [300-] DE AD } condition: any of them }
rule lazy { strings: $a = /hello.{300,900}?V.hp/s $b = /\bfoo.{3,}?\x00\xbe\xef/ $c = /W.{2,300}?U.GU/ nocase $d = /hello.{201,}?RoaX/ fullword condition: any of them }
rule is_wide { strings: $a = /he.l.{1,500}?V.G/ wide ascii condition: $a }
rule no_more { strings: $a = { 4D 5A [300-] 4D 5A } $b = { DE AD [201-] DE AD BE } condition: $a or $b }
rule not_found { strings: $a = { 4D 5A [-] DE AD BE EF } condition: not $a }
