package directory

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/omega-im/omega/spec"
)

var update = flag.Bool("update", false, "write spec/vectors/directory.json anew")

// TestReportVectors reads spec/vectors/directory.json: the extension of an
// announcement with a report (DIR-3), and with a part of another kind before it.
func TestReportVectors(t *testing.T) {
	r := report{hour: 498852, rows: []row{
		{subject: subjectKey{0x01, 0x02, 0x03, 0x04, 0x05, 0x06}, rtt: 12300 * time.Microsecond, tries: 10, answers: 9},
		{subject: subjectKey{0x01, 0x02, 0x03, 0x04, 0x05, 0x07}, tries: 3},
		{subject: subjectKey{0xff}, rtt: maxRTT * rttUnit, tries: 255, answers: 255},
	}}
	const file = "vectors/directory.json"
	got := map[string]string{
		"report":                        hex.EncodeToString(r.encode()),
		"report behind an unknown part": hex.EncodeToString(append([]byte{9, 0, 2, 'x', 'y'}, r.encode()...)),
		"empty report":                  hex.EncodeToString((&report{hour: 498852}).encode()),
	}
	if *update {
		b, _ := json.MarshalIndent(got, "", "  ")
		if err := os.WriteFile("../spec/"+file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := spec.Vectors.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("reports are\n%v, want\n%v", got, want)
	}
	for name, text := range want {
		octets, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		read, ok := decodeReport(octets)
		if !ok || read.hour != r.hour || name != "empty report" && !reflect.DeepEqual(read, r) {
			t.Errorf("%s is read as %+v, %v", name, read, ok)
		}
	}
}
