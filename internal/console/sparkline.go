package console

import (
	"fmt"
	"strings"
)

// sparkline is a small chart of rates, drawn in a box of 180 by 36.
type sparkline struct {
	// In and Out are the points of two lines, and Area of the surface below the first.
	In, Out, Area string
	// Peak is the highest rate, by the second.
	Peak float64
	// Label says in words what the chart shows.
	Label string
}

const (
	sparkWidth, sparkHeight, sparkMargin = 180.0, 36.0, 2.0
)

func newSparkline(channel string, r rates) sparkline {
	s := sparkline{}
	for _, value := range append(append([]float64(nil), r.In...), r.Out...) {
		s.Peak = max(s.Peak, value)
	}
	s.In, s.Out = points(r.In, s.Peak), points(r.Out, s.Peak)
	if s.In != "" {
		s.Area = fmt.Sprintf("%.1f,%.1f %s %.1f,%.1f", left(len(r.In)), sparkHeight, s.In, sparkWidth, sparkHeight)
	}
	s.Label = fmt.Sprintf("%s in the last 15 minutes: now in %s and out %s, at most %s", channel, rate(last(r.In)), rate(last(r.Out)), rate(s.Peak))
	return s
}

// left is where the first of n samples is: the newest is at the right end.
func left(n int) float64 { return sparkWidth - float64(n-1)*sparkWidth/(samples-1) }

func points(values []float64, peak float64) string {
	if len(values) < 2 {
		return ""
	}
	all := make([]string, len(values))
	for i, value := range values {
		height := 0.0
		if peak > 0 {
			height = value / peak
		}
		x := left(len(values)) + float64(i)*sparkWidth/(samples-1)
		y := sparkHeight - sparkMargin - height*(sparkHeight-2*sparkMargin)
		all[i] = fmt.Sprintf("%.1f,%.1f", x, y)
	}
	return strings.Join(all, " ")
}

func last(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return values[len(values)-1]
}
