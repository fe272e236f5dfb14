package churn

import (
	"math"
	"time"
)

// A site is a place where servers stand. Sites are listed by how many do:
// site k has a share of about 1/(k+9).
type site struct {
	name     string
	lat, lon float64 // degrees
}

var sites = []site{
	{"Frankfurt", 50.11, 8.68}, {"Ashburn", 39.04, -77.49}, {"Singapore", 1.35, 103.82}, {"Amsterdam", 52.37, 4.90},
	{"London", 51.51, -0.13}, {"Taipei", 25.03, 121.56}, {"Tokyo", 35.68, 139.69}, {"Paris", 48.86, 2.35},
	{"San Jose", 37.34, -121.89}, {"Helsinki", 60.17, 24.94}, {"New York", 40.71, -74.01}, {"Hong Kong", 22.32, 114.17},
	{"Dallas", 32.78, -96.80}, {"Sydney", -33.87, 151.21}, {"Mumbai", 19.08, 72.88}, {"São Paulo", -23.55, -46.63},
	{"Warsaw", 52.23, 21.01}, {"Chicago", 41.88, -87.63}, {"Stockholm", 59.33, 18.07}, {"Seoul", 37.57, 126.98},
	{"Toronto", 43.65, -79.38}, {"Zürich", 47.37, 8.54}, {"Madrid", 40.42, -3.70}, {"Seattle", 47.61, -122.33},
	{"Vienna", 48.21, 16.37}, {"Milan", 45.46, 9.19}, {"Osaka", 34.69, 135.50}, {"Miami", 25.76, -80.19},
	{"Johannesburg", -26.20, 28.05}, {"Dubai", 25.20, 55.27}, {"Prague", 50.08, 14.44}, {"Istanbul", 41.01, 28.98},
	{"Jakarta", -6.21, 106.85}, {"Los Angeles", 34.05, -118.24}, {"Bucharest", 44.43, 26.10}, {"Kaohsiung", 22.63, 120.30},
	{"Buenos Aires", -34.60, -58.38}, {"Nairobi", -1.29, 36.82}, {"Auckland", -36.85, 174.76}, {"Santiago", -33.45, -70.67},
}

// detour is how much longer cables are than the great circle, as a factor on
// the round trip.
const detour = 1.5

// fibre is how far light goes in glass.
const fibreKmPerMs = 200

// siteRTT returns the round trip between two sites.
func siteRTT(a, b int) time.Duration {
	ms := 2 * greatCircle(sites[a], sites[b]) / fibreKmPerMs * detour
	return time.Duration(ms * float64(time.Millisecond))
}

// greatCircle is the distance in kilometres (haversine formula).
func greatCircle(a, b site) float64 {
	const rad, earth = math.Pi / 180, 6371
	sinLat := math.Sin((b.lat - a.lat) * rad / 2)
	sinLon := math.Sin((b.lon - a.lon) * rad / 2)
	h := sinLat*sinLat + math.Cos(a.lat*rad)*math.Cos(b.lat*rad)*sinLon*sinLon
	return 2 * earth * math.Asin(math.Sqrt(min(h, 1)))
}
