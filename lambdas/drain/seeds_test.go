//go:build !race

package main

// defaultSeeds are as many as a few seconds are enough for.
const defaultSeeds = 1000
