// Command probe is a program that compiles for Lambda and does nothing there.
package main

import "fmt"

func main() { fmt.Println("probe") }
