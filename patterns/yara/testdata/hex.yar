// Hex strings.
rule digits { strings: $a = { DE AD be ef } condition: $a }
rule nibbles { strings: $a = { D? ?D B? EF } condition: $a }
rule wild { strings: $a = { de ?? ?? ef } $b = { ?? ad } $c = { ff ?? } condition: any of them }
rule jumps { strings: $a = { de ad [0-4] be ef } $b = { de [1] be } $c = { de ad [2-] ef } $d = { 4d [-] 90 } condition: any of them }
rule nothing { strings: $a = { de ad [0-0] be } condition: $a }
rule either { strings: $a = { de ( ad | be ) } $b = { ( de | be ) ( ad be | ef ( ff | 01 ) ) } $c = { be ( ef 01 | ef ) } condition: any of them }
rule either_jump { strings: $a = { de ( ad [1-3] be | 01 ) } condition: $a }
rule comments { strings: $a = { de /* dead */ ad // beef
   be ef } condition: $a }
rule hidden { strings: $a = { de ad } private condition: $a }
rule zeros { strings: $a = { 00 00 } condition: $a }
