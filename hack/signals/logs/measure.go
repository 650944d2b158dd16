package main

import "slices"

// scores of the templates of a set, from 0 to 1.
type scores struct {
	// GA is the grouping accuracy: the share of lines whose group has exactly the lines of their group in the ground truth (S. Khan,
	// D. Shin, D. Bianculli, L. Briand: Guidelines for Assessing the Accuracy of Log Message Template Identification Techniques, ICSE
	// 2022, https://doi.org/10.1145/3510003.3510101).
	GA float64
	// FGA is the F1 score of groups: the harmonic mean of the share of found groups that have exactly the lines of a group in the
	// ground truth, and of the share of the latter that were found (Z. Jiang et al.: A Large-Scale Evaluation for Log Parsing
	// Techniques: How Far Are We?, ISSTA 2024, https://doi.org/10.1145/3650212.3652123).
	FGA float64
	// PTA is the precision of template accuracy: the share of found templates whose lines all have the same template in the ground
	// truth, which has the same text (Khan et al.). FTA is its harmonic mean with the recall, the share of the templates of the ground
	// truth that were found (Jiang et al.).
	PTA, FTA float64
}

// sample is a line in a group with a template, and both in the ground truth.
type sample struct {
	group           int
	template        string
	wantGroup, want string
}

// measure compares the groups and templates that were found with the ground truth.
func measure(samples []sample) scores {
	if len(samples) == 0 {
		return scores{}
	}
	byGroup := map[int][]sample{}
	sizes := map[string]int{}
	wanted := map[string]bool{}
	for _, s := range samples {
		byGroup[s.group] = append(byGroup[s.group], s)
		sizes[s.wantGroup]++
		wanted[s.want] = true
	}
	lines, correct := 0, 0
	for _, members := range byGroup {
		if want := members[0].wantGroup; sizes[want] == len(members) && all(members, func(s sample) bool { return s.wantGroup == want }) {
			correct++
			lines += len(members)
		}
	}
	// Two groups with the same text are one template.
	identified := map[string]bool{}
	for _, members := range byGroup {
		text := members[0].template
		ok := all(members, func(s sample) bool { return s.want == text })
		if known, seen := identified[text]; seen {
			ok = ok && known
		}
		identified[text] = ok
	}
	right := 0
	for _, ok := range identified {
		if ok {
			right++
		}
	}
	return scores{
		GA: share(lines, len(samples)), FGA: f1(correct, len(byGroup), len(sizes)),
		PTA: share(right, len(identified)), FTA: f1(right, len(identified), len(wanted)),
	}
}

func all(samples []sample, ok func(sample) bool) bool {
	return !slices.ContainsFunc(samples, func(s sample) bool { return !ok(s) })
}

func share(part, whole int) float64 { return float64(part) / float64(whole) }

// f1 is the harmonic mean of the shares of what was found and of what should have been found.
func f1(correct, found, expected int) float64 { return 2 * float64(correct) / float64(found+expected) }
