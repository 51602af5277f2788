rule plain { strings: $a = "world" condition: $a }
global rule fails { condition: filesize < 10 }
rule refers { condition: plain }
