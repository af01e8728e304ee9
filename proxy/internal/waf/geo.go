package waf

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxDatabase bounds the database of countries, which is held in memory; one of all cities
// has 70 MB.
const maxDatabase = 512 << 20

// countries is a database of the countries that addresses are in, in the format of MaxMind DB.
//
// https://maxmind.github.io/MaxMind-DB/
type countries struct {
	path     string
	modified time.Time
	size     int64
	reader   *maxminddb.Reader
}

// openCountries reads the database; before is returned if it is of the same file.
func openCountries(path string, before *countries) (*countries, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if before != nil && before.path == path && before.size == info.Size() && before.modified.Equal(info.ModTime()) {
		return before, nil
	}
	// It is read, and not mapped, so that one that is written over does not end the process.
	data, err := io.ReadAll(io.LimitReader(file, maxDatabase+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxDatabase {
		return nil, fmt.Errorf("%s is too large (got more than %d bytes)", path, maxDatabase)
	}
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("%s is no MaxMind DB file: %w", path, err)
	}
	c := &countries{path: path, modified: info.ModTime(), size: info.Size(), reader: reader}
	if !c.any() {
		return nil, fmt.Errorf("%s names no countries (got a database of type %q, want one with country.iso_code or country_code, such as GeoLite2-Country)",
			path, reader.Metadata.DatabaseType)
	}
	return c, nil
}

// maxProbes is how many networks are looked at for one that has a country.
const maxProbes = 1000

// any reports whether one of the first networks of the database has a country.
func (c *countries) any() bool {
	n := 0
	for result := range c.reader.Networks() {
		if country, err := countryOf(result); err == nil && country != "" {
			return true
		}
		if n++; n == maxProbes {
			break
		}
	}
	return false
}

// of returns the ISO 3166 code of the country that an address is in; empty when it is not known.
func (c *countries) of(a netip.Addr) (string, error) {
	country, err := countryOf(c.reader.Lookup(a))
	if err != nil {
		return "", &fault{reason: reasonUnhandled, cause: fmt.Sprintf("look up the country: %v", err)}
	}
	return country, nil
}

// countryOf reads MaxMind's own layout, or the flat one of others.
func countryOf(result maxminddb.Result) (country string, err error) {
	if err := result.Err(); err != nil {
		return "", err
	}
	if !result.Found() {
		return "", nil
	}
	if err := result.DecodePath(&country, "country", "iso_code"); err != nil || country != "" {
		return country, err
	}
	err = result.DecodePath(&country, "country_code")
	return country, err
}

// geoMatch matches clients in any of some countries.
//
// https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-geo-match.html
type geoMatch struct {
	countries *countries
	codes     []string
}

func (g geoMatch) match(q *query) (bool, error) {
	country, err := g.countries.of(q.client)
	return err == nil && slices.Contains(g.codes, country), err
}
