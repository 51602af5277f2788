global rule big { condition: filesize > 100 }
global private rule secret { strings: $a = "hello" condition: $a }
rule plain { strings: $a = "world" condition: $a }
