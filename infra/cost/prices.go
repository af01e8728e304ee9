package cost

import (
	"bytes"
	_ "embed" // prices.json
	"encoding/json"
	"fmt"
)

// Prices are list prices in US dollars.
type Prices struct {
	// Date is the month in which the table was made, as 2006-01.
	Date string `json:"date"`
	// Note says how far to trust it.
	Note string `json:"note"`
	// Regions are by their names, such as eu-west-1. What CloudFront and its web ACL cost is
	// under us-east-1, where their stack is.
	Regions map[string]RegionPrices `json:"regions"`
}

// RegionPrices are by service and item, in the file's own words.
type RegionPrices map[string]map[string]float64

//go:embed prices.json
var pricesFile []byte

// ListPrices is the table of the repository.
func ListPrices() (Prices, error) {
	var p Prices
	decoder := json.NewDecoder(bytes.NewReader(pricesFile))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return Prices{}, fmt.Errorf("read prices.json: %w", err)
	}
	return p, nil
}
