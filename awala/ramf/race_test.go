//go:build race

package ramf_test

// raceDetector tells that the race detector slows everything but the primitives,
// some of which are in assembly, down.
const raceDetector = true
