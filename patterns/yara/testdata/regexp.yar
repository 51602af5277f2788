// Regular expressions.
rule simple { strings: $a = /hello/ $b = /hel+o/ $c = /h[aeiou]llo/i $d = /h.llo/ condition: any of them }
rule url { strings: $a = /https?:\/\/[a-z.]+/ $b = /\w+@\w+\.com/ condition: any of them }
rule greedy { strings: $a = /ab.*c/ $b = /ab.*?c/ $c = /a+b+/ $d = /a+?b+?/ $e = /[a-z]{3,5}/ $f = /[a-z]{3,5}?/ $g = /b{,2}c/ $h = /ab{2,}/ condition: any of them }
rule classes { strings: $a = /\d+/ $b = /\D\d\D/ $c = /\s\S/ $d = /[^\x00-\x7f]{3}/ $e = /[\]x-]\]/ $f = /\W\w{4}\W/ $g = /[\w.]+@/ condition: any of them }
rule edges { strings: $a = /^MZ/ $b = /67$/ $c = /\bfoo/ $d = /foo\b/ $e = /\Boo/ $f = /bar\B/ condition: any of them }
rule lines { strings: $a = /hello.\n/ $b = /\..u/s $c = /\..u/ condition: any of them }
rule is_wide { strings: $a = /hel+o/ wide $b = /w[a-z]+d/i wide ascii $c = /hello\b/ wide condition: any of them }
rule full { strings: $a = /foo/ fullword $b = /hell./ fullword $c = /\d{2,3}/ fullword condition: any of them }
rule either { strings: $a = /foo(bar|_bar|-bar)/ $b = /ab|abc/ $c = /(abc)+/ condition: any of them }
rule bytes { strings: $a = /\xde\xad/ $b = /\x90\x00/ $c = /a\.b/ $d = /\{2\}/ $e = /\t\x0b\f/ condition: any of them }
rule is_nocase { strings: $a = /HELLO/ nocase $b = /[A-F]o/ nocase $c = /[^h]ello/ nocase condition: any of them }
