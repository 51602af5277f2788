// Conditions. The names say what is tested; those that begin with no_ do not match.
include "part_included.yar"

rule booleans { condition: true and not false and (false or true) }
rule no_false { condition: false }
rule no_strings { condition: filesize > 100KB }
rule sizes { condition: filesize > 1KB and filesize < 1MB }
rule count { strings: $a = "hello" condition: #a > 3 and #a < 100 and #a * 2 == #a + #a }
rule offset { strings: $a = "hello" condition: @a == 8 and @a[1] == 8 and @a[2] > @a[1] }
rule length { strings: $a = /hel+/ condition: !a == 4 and !a[1] == 4 and !a[#a] == 4 }
rule no_hit { strings: $a = "hello" condition: @a[#a + 1] > 0 }
rule no_hit_not { strings: $a = "hello" condition: not @a[#a + 1] > 0 }
rule hit_undefined { strings: $a = "hello" condition: not defined @a[#a + 1] and defined @a[#a] and not defined @a[0] }
rule is_at { strings: $a = "hello" $mz = "MZ" condition: $mz at 0 and $a at 4 * 2 and not $a at 9 }
rule at_two { strings: $mz = "MZ" $a = "hello" condition: ($mz at 0 or $mz at 1) and ($a at 8 and $a at 8) }
rule at_and_more { strings: $a = "hello" condition: $a at 8 and #a > 1 }
rule in_range { strings: $a = "hello" condition: $a in (0..8) and $a in (8..8) and not $a in (0..7) and $a in (8..filesize) }
rule no_in_undefined { strings: $a = "hello" condition: not $a in (0..uint8(9999999)) }
rule negative { strings: $a = "hello" condition: $a in (filesize - 100000000..8) and not $a in (0..filesize - 100000000) }
rule any_of { strings: $a = "hello" $b = "nowhere" condition: any of them and 1 of ($a, $b) and not all of them and not 2 of them }
rule none_of { strings: $a = "nowhere" $b = "neither" condition: none of them and 0 of them and not any of ($a) }
rule no_none { strings: $a = "hello" condition: none of them }
rule wildcards { strings: $a1 = "hello" $a2 = "world" $b = "nowhere" condition: all of ($a*) and 2 of ($a1, $a2, $b) and none of ($b*) and 3 of ($a*, $a1) }
rule percent { strings: $a = "hello" $b = "world" $c = "nowhere" condition: 66% of them and not 67% of them and 50% of ($a, $c) }
rule of_in { strings: $a = "hello" $b = "world" condition: any of them in (0..8) and all of them in (0..100) and not all of them in (0..8) }
rule no_of_in_undefined { strings: $a = "hello" condition: not any of them in (0..uint8(9999999)) }
rule of_undefined { strings: $a = "hello" $b = "world" $c = "nowhere" condition: uint8(9999999) of ($a, $b) and not uint8(9999999) of them }
rule of_negative { strings: $a = "hello" condition: (filesize - filesize - 1) of them }
rule arithmetic { condition: 1 + 2 * 3 == 7 and (1 + 2) * 3 == 9 and 7 \ 2 == 3 and -7 \ 2 == -3 and 7 % 3 == 1 and -7 % 3 == -1 and 10 - 3 - 2 == 5 }
rule bits { condition: 6 & 3 == 2 and 6 | 3 == 7 and 6 ^ 3 == 5 and ~0 == -1 and 1 << 4 == 16 and 256 >> 4 == 16 and 1 << 64 == 0 and (0 - 8) >> 1 == -4 and 3 == 1 | 2 and 1 << 2 + 1 == 8 }
rule fractions { condition: 0.1 + 0.2 == 0.3 and 1.5 * 2 == 3 and 1.0 \ 4 == 0.25 and 1.5 > 1 and 1 < 1.5 and -1.5 < 0 and 1 == 1.0 and 1.5 \ 0 > 5 }
rule numbers { condition: 0x10 == 16 and 0o17 == 15 and 1KB == 1024 and 2MB == 2097152 }
rule divided { condition: not defined (uint8(0) \ (uint8(0) - uint8(0))) and not defined (1 % (uint8(0) - uint8(0))) and not defined (1 << (0 - uint8(0))) }
rule no_divided { condition: not (uint8(0) \ (uint8(0) - uint8(0)) == 1) }
rule wraps { condition: 9223372036854775807 + uint8(0) < 0 }
rule reads { condition: uint8(0) == 0x4d and uint16(0) == 0x5a4d and uint16be(0) == 0x4d5a and uint32(0) == 0x00905a4d and uint32be(0) == 0x4d5a9000 and uint8be(1) == 0x5a }
rule reads_signed { condition: int8(2) == -112 and int16(1) == -28582 and int32be(0) == 0x4d5a9000 and int16be(2) == -28672 and int32(0) == 0x905a4d and int8be(2) == -112 }
rule reads_end { condition: defined uint8(filesize - 1) and not defined uint16(filesize - 1) and not defined uint32(filesize) and not defined uint8(-1) and not defined uint8(uint8(filesize)) }
rule undefined_or { condition: uint8(filesize) == 1 or true }
rule undefined_and { condition: not (uint8(filesize) == 1 and true) and not (uint8(filesize) == 1 or false) }
rule no_undefined_not { condition: not (uint8(filesize) == 1) }
rule for_of { strings: $a = "hello" $b = "world" $c = "nowhere" condition: for any of them : ($ at 8) and for all of ($a, $b) : (# > 0) and for 2 of them : (@ < 100) and for none of them : (! > 5) and for any of them : (# == 0) }
rule for_of_in { strings: $a = "hello" $b = "world" condition: for all of them : ($ in (0..100)) and for all of them : (@[1] >= 8 and ![1] == 5) }
rule for_of_at { strings: $a = "hello" $b = "MZ" condition: for any of them : ($ at 0) }
rule for_in { strings: $a = "hello" condition: for all i in (1..#a) : (@a[i] < filesize) and for any i in (1, 2, 3) : (@a[i] > 8) and for 2 i in (1..3) : (@a[i] > 8) and for none i in (1..#a) : (@a[i] == 9) }
rule for_nested { condition: for any i in (0..3) : (for all j in (i..i) : (uint8(i) == 0x5a and j == i)) }
rule for_undefined { condition: for none i in (1..3) : (uint8(filesize) == i) and not for all i in (1..3) : (uint8(filesize) == i) and not for any i in (1..uint8(filesize)) : (true) and for any i in (1, uint8(filesize)) : (not defined i) }
rule for_empty { strings: $a = "nowhere" condition: not for all i in (1..#a) : (true) and not for none i in (1..#a) : (false) and not for any i in (1..#a) : (true) }
rule for_truths { condition: for 2 i in (1..2) : (i) and not for 4 i in (1..2) : (i) and for all i in (1..1) : (i) and for all i in (2..3) : (i + 1) and not for all i in (1, 0) : (i) and for all i in (1, 2) : ("a") }
rule for_number { condition: for 0 i in (1..3) : (i == 4) and for any i in (3..3) : (i == 3) and not for any i in (4..3) : (true) }
rule texts { condition: "abc" contains "b" and "ABC" icontains "b" and "abc" startswith "ab" and "ABC" istartswith "ab" and "abc" endswith "bc" and "ABC" iendswith "bc" and "abc" iequals "ABC" and "abc" == "abc" and "abc" < "abd" and "b" >= "a" and "a" != "b" and "x" }
rule refers { condition: booleans and not no_false and included }
rule no_refers { condition: no_false }
rule rule_sets { condition: any of (no_*) and all of (booleans, sizes) and none of (no_false, no_strings) and 2 of (for_*) and 50% of (booleans, no_false) }
private rule secret { strings: $a = "hello" condition: $a }
rule refers_private { strings: $b = "world" condition: secret and $b }
rule numbers_as_conditions { strings: $a = "hello" condition: #a and not #a - #a and 0.5 and not "" and filesize }
rule defined_things { strings: $a = "nowhere" condition: defined $a and not defined @a and not defined !a[2] and defined #a and defined true and defined (uint8(filesize) == 1 or false) }
rule long : one two three { meta: a = "1" a = 2 condition: 1 == 1 }
