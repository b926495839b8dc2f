// A minimal Avatar host, written from proto/ABI.md alone: storage in memory, no network. It speaks the adapter protocol of the conformance kit on stdin and stdout.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// What the kit says, one JSON object a line.
type command struct {
	Start   *string `json:"start"`
	Request *int64  `json:"request"`
	Bytes   []byte  `json:"bytes"`
	Stop    bool    `json:"stop"`
}

func say(message map[string]any) {
	line, _ := json.Marshal(message) // maps of strings, numbers and bytes always marshal
	fmt.Println(string(line))
}

func main() {
	commands := make(chan command)
	go func() {
		defer close(commands)
		lines := bufio.NewReader(os.Stdin)
		for {
			line, err := lines.ReadBytes('\n')
			var next command
			if len(line) > 1 && json.Unmarshal(line, &next) == nil {
				commands <- next
			}
			if err != nil {
				return
			}
		}
	}()
	for next := range commands {
		if next.Start == nil {
			if next.Stop {
				say(map[string]any{"stopped": ""})
			}
			continue
		}
		for file := next.Start; file != nil; {
			host, err := newHost(*file)
			if err != nil {
				say(map[string]any{"refused": err.Error()})
				break
			}
			say(map[string]any{"started": true})
			file = host.run(commands)
		}
	}
}
