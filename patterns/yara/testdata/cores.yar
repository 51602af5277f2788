// What there is in cores, and rules as people write them.
rule elf : magic { meta: description = "ELF" strings: $a = { 7f 45 4c 46 ( 01 | 02 ) ( 01 | 02 ) 01 } condition: $a at 0 }
rule elf_core { strings: $a = { 7f 45 4c 46 } condition: $a at 0 and uint16(16) == 4 and (uint8(4) == 1 or uint8(4) == 2) }
rule elf_inside { strings: $a = { 7f 45 4c 46 [1] 01 01 } condition: for any i in (2..#a) : (@a[i] > 4096 and uint16(@a[i] + 16) == 3) }
rule minidump { strings: $a = "MDMP" condition: $a at 0 and uint32be(0) == 0x4d444d50 }
rule libraries { strings: $so = /\/[\w\/.+-]{2,80}\.so(\.\d+)?/ $lib = "/lib" condition: #so > 3 and #lib >= 2 }
rule words { strings: $a = "linux" nocase fullword $b = "GNU" wide ascii $c = "CORE" fullword $d = "LINUX" condition: 2 of them }
rule environment { strings: $path = /PATH=[^\x00]{5,}/ $home = "HOME=/" $shell = "SHELL=/bin/" condition: any of them }
rule numbers { strings: $a = /\d{4,}/ fullword condition: #a > 5 }
rule pointers { strings: $a = { ?? ?? ?? ?? ff 7f 00 00 } $b = { 7f 00 00 [0-8] 7f 00 00 } condition: #a > 10 or $b }
rule xored { strings: $a = "/bin/" xor(1-255) condition: $a }
rule encoded { strings: $a = "/usr/lib" base64 condition: not $a or #a > 0 }
rule wide_text { strings: $a = /[a-z]{4}/ wide condition: #a > 2 }
rule versions { strings: $a = /GLIBC_2\.\d+(\.\d+)?/ $b = /[0-9]+\.[0-9]+\.[0-9]+/ condition: any of them }
rule dense { strings: $a = "\x00\x00" condition: #a > 1000 and @a[1000] > 1000 and $a in (filesize - 4096..filesize) }
rule most { condition: 40% of (elf*, libraries, words, environment, numbers) }
