package acquirer

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two decoders that nobody here wrote. Each is blind to something: Wireshark to a binary secondary bitmap,
// the npm package to nothing that we send, but it checks no lengths. A decoder that prints less than was
// sent fails the test: silence is what a wrong layout looks like.

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// flatten gives a message the form that the decoders print: all fields by number, the MTI as field 0.
func flatten(m message) map[string]string {
	flat := map[string]string{"0": m.mti}
	for number, value := range m.fields {
		flat[strconv.Itoa(number)] = value
	}
	return flat
}

// Wireshark reads binary bitmaps as long as there is one. Where there are two it is shown the same message with the
// bitmaps in hexadecimal characters, which it also knows.
func TestWiresharkReadsWhatMovesMoney(t *testing.T) {
	text2pcap, tshark := program(t, "text2pcap"), program(t, "tshark")
	for _, name := range []string{"0100", "0100 verification", "0200", "0220 capture", "0221 refund", "0420", "0420 release"} {
		t.Run(name, func(t *testing.T) { wiresharkReads(t, text2pcap, tshark, sampleMessages(t)[name]) })
	}
}

func wiresharkReads(t *testing.T, text2pcap, tshark string, m message) {
	t.Helper()
	frame := mustEncode(t, m)
	bitmaps, coding := map[string]string{"iso8583.map1": hex.EncodeToString(frame[6:14])}, "Bin data not encoded"
	if frame[6]&0x80 != 0 {
		bitmaps["iso8583.map2"], coding = hex.EncodeToString(frame[14:22]), "Bin data represented as Hex Ascii characters"
		frame = slices.Concat(frame[:6], []byte(hex.EncodeToString(frame[6:22])), frame[22:])
		binary.BigEndian.PutUint16(frame, uint16(len(frame)-2))
	}
	dump, capture := filepath.Join(t.TempDir(), "frame.txt"), filepath.Join(t.TempDir(), "frame.pcap")
	var text strings.Builder
	for at, b := range frame {
		if at%16 == 0 {
			fmt.Fprintf(&text, "\n%06x", at)
		}
		fmt.Fprintf(&text, " %02x", b)
	}
	if err := os.WriteFile(dump, []byte(text.String()[1:]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(text2pcap, "-q", "-T", "5000,8583", dump, capture).CombinedOutput(); err != nil {
		t.Fatalf("text2pcap: %v: %s", err, out)
	}
	out, err := exec.Command(tshark, "-r", capture, "-d", "tcp.port==8583,iso8583",
		"-o", "iso8583.len_endian:Big endian", "-o", "iso8583.binencode:"+coding,
		"-T", "json", "-j", "iso8583").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var packets []struct {
		Source struct {
			Layers map[string]map[string]string `json:"layers"`
		} `json:"_source"`
	}
	if err := json.Unmarshal(out, &packets); err != nil || len(packets) != 1 {
		t.Fatalf("tshark printed %d packets: %v", len(packets), err)
	}
	want := map[string]string{
		"iso8583.len": strconv.Itoa(int(binary.BigEndian.Uint16(frame))), "iso8583.mti": m.mti,
	}
	maps.Copy(want, bitmaps)
	for number, value := range m.fields {
		want["iso8583.bit"+strconv.Itoa(number)] = value
	}
	if diff := cmp.Diff(want, packets[0].Source.Layers["iso8583"]); diff != "" {
		t.Error(diff)
	}
}

func TestNodeReadsWhatWeSendAndWeReadWhatItSends(t *testing.T) {
	node := program(t, "node")
	library, err := filepath.Abs("../../sdk/node_modules/iso_8583")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(library); errors.Is(err, fs.ErrNotExist) {
		t.Skip("sdk/node_modules/iso_8583 is not there: npm ci in sdk")
	}

	ours := sampleMessages(t)
	names := slices.Sorted(maps.Keys(ours))
	theirs := []message{
		answerTo(ours["0200"], map[int]string{
			2: "4000000000001091", 44: " Y       M  2", 48: "840203", 62: "016153570198200", 63: "7345007929096981703954",
		}),
		answerTo(ours["0200"], map[int]string{38: "", 39: "N7", 44: "         N"}),
		answerTo(ours["0420"], nil),
		answerTo(ours["0421"], map[int]string{39: "25"}),
		answerTo(ours["0100"], map[int]string{44: " Y       M  2", 62: "016153570198200"}),
		answerTo(ours["0100 verification"], map[int]string{38: "", 39: "85", 62: "016153570198200"}),
		answerTo(ours["0220 capture"], nil),
		answerTo(ours["0221 refund"], map[int]string{39: "61"}),
		answerTo(ours["0420 release"], nil),
		answerTo(ours["0800"], nil),
	}
	var task struct {
		Decode []string            `json:"decode"`
		Encode []map[string]string `json:"encode"`
	}
	for _, name := range names {
		task.Decode = append(task.Decode, hex.EncodeToString(mustEncode(t, ours[name])))
	}
	for _, m := range theirs {
		task.Encode = append(task.Encode, flatten(m))
	}
	input, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(node, "testdata/iso_8583.js", library)
	var problems bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("node: %v: %s", err, problems.String())
	}
	var done struct {
		Decoded []map[string]string `json:"decoded"`
		Encoded []string            `json:"encoded"`
	}
	if err := json.Unmarshal(out, &done); err != nil {
		t.Fatal(err)
	}

	if len(done.Decoded) != len(names) || len(done.Encoded) != len(theirs) {
		t.Fatalf("%d messages, %d decoded, %d encoded", len(names), len(done.Decoded), len(done.Encoded))
	}
	for i, name := range names {
		if diff := cmp.Diff(flatten(ours[name]), done.Decoded[i]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for i, want := range theirs {
		frame, err := hex.DecodeString(done.Encoded[i])
		if err != nil || len(frame) < 2 || int(binary.BigEndian.Uint16(frame)) != len(frame)-2 {
			t.Fatalf("%s is not a frame: %v", want.mti, err)
		}
		got, err := decode(frame[2:])
		if err != nil {
			t.Errorf("%s: %v", want.mti, err)
		} else if diff := cmpMessage(want, got); diff != "" {
			t.Errorf("%s: %s", want.mti, diff)
		}
	}
}
