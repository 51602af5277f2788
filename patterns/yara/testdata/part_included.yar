rule included { strings: $a = "world" condition: $a }
