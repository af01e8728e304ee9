package cost

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rightAligned are the columns of numbers.
var rightAligned = []bool{false, false, true, false, true, true}

// Write prints the lines as a table by stack, with subtotals and the total, then what has no
// price, then the assumptions and the date of the prices.
func Write(w io.Writer, lines []Line, prices Prices) error {
	rows := [][]string{{"", "", "quantity", "unit", "price", "$ a month"}}
	for _, sum := range Subtotals(lines) {
		rows = append(rows, nil, []string{sum.Stack, "", "", "", "", money(sum.Monthly)})
		for _, line := range lines {
			if line.Stack != sum.Stack || line.NotPriced {
				continue
			}
			rows = append(rows, []string{
				"  " + line.Resource, line.What, number(line.Quantity, 4), line.Unit, number(line.UnitPrice, 10), money(line.Monthly),
			})
		}
	}
	rows = append(rows, nil, []string{"Total", "", "", "", "", money(Total(lines))})
	var text strings.Builder
	align(&text, rows)
	if missing := Unpriced(lines); len(missing) > 0 {
		text.WriteString("\nNot priced, and not in the total:\n")
		for _, line := range missing {
			fmt.Fprintf(&text, "  %s %s: %s\n", line.Stack, line.Resource, line.What)
		}
	}
	text.WriteString("\nAssumptions:\n")
	for _, sentence := range Assumptions() {
		fmt.Fprintf(&text, "  %s\n", sentence)
	}
	fmt.Fprintf(&text, "\nPrices of %s. %s\n", prices.Date, prices.Note)
	_, err := io.WriteString(w, text.String())
	return err
}

// align writes rows in columns of equal width; a nil row is an empty line.
func align(w *strings.Builder, rows [][]string) {
	widths := make([]int, len(rightAligned))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if rightAligned[i] {
				cell = space + cell
			} else {
				cell += space
			}
			line.WriteString(cell + "  ")
		}
		w.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func money(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

// number is x with that many digits after the point at most.
func number(x float64, digits int) string {
	text := strconv.FormatFloat(x, 'f', digits, 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}
