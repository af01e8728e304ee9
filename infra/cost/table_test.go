package cost_test

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/infra/cost"
)

func TestWrite(t *testing.T) {
	lines := []cost.Line{
		{Stack: "app-network", Resource: "Vpc/Nat", What: "NAT gateway", Quantity: 730, Unit: "hour", UnitPrice: 0.048, Monthly: 35.04},
		{Stack: "app-network", Resource: "Mesh", What: "AWS::AppMesh::Mesh", NotPriced: true},
		{Stack: "app-data", Resource: "Key", What: "key", Quantity: 1, Unit: "month", UnitPrice: 1, Monthly: 1},
		{Stack: "app-data", Resource: "Function", What: "memory", Quantity: 1620, Unit: "GB-second", UnitPrice: 0.0000133334, Monthly: 0.02160011},
	}
	var out strings.Builder
	if err := cost.Write(&out, lines, prices()); err != nil {
		t.Fatal(err)
	}
	table, rest, _ := strings.Cut(out.String(), "\nNot priced")
	const want = `                          quantity  unit              price  $ a month

app-network                                                      35.04
  Vpc/Nat    NAT gateway       730  hour              0.048      35.04

app-data                                                          1.02
  Key        key                 1  month                 1       1.00
  Function   memory           1620  GB-second  0.0000133334       0.02

Total                                                            36.06
`
	if table != want {
		t.Errorf("table\n%s\nwant\n%s", table, want)
	}
	for _, part := range append(cost.Assumptions(), "  app-network Mesh: AWS::AppMesh::Mesh\n", "\nPrices of 2000-01. Made up.\n") {
		if !strings.Contains(rest, part) {
			t.Errorf("after the table there is no %q in\n%s", part, rest)
		}
	}
	out.Reset()
	if err := cost.Write(&out, lines[2:], prices()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "Not priced") {
		t.Errorf("all is priced, but\n%s", out.String())
	}
}
