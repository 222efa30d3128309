//go:build !race

package ramf_test

// raceDetector is explained in race_test.go.
const raceDetector = false
