package signin_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/evenkeel/evenkeel/proxy/internal/signin"
)

const password = "correct horse"

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("198.51.100.7")
)

func hash(t *testing.T, password string) []byte {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// door has one user, alice.
func door(t *testing.T) *signin.Door {
	t.Helper()
	d := signin.New()
	if err := d.SetUsers(map[string][]byte{"alice": hash(t, password)}); err != nil {
		t.Fatal(err)
	}
	return d
}

func in(t *testing.T, d *signin.Door) (string, *signin.Session) {
	t.Helper()
	id, s, err := d.SignIn("alice", password, here, "")
	if err != nil {
		t.Fatal(err)
	}
	return id, s
}

func TestSignIn(t *testing.T) {
	d := door(t)
	if !d.Guarded() || signin.New().Guarded() {
		t.Error("a door is guarded with users and only then")
	}
	id, s := in(t, d)
	if len(id) != 43 || len(s.CSRF) != 43 || s.User != "alice" || d.Session(id) != s {
		t.Errorf("got %q %+v", id, s)
	}
	if !s.Proves(s.CSRF) || s.Proves("") || s.Proves(id) {
		t.Error("only the session's token proves anything")
	}
	again, other := in(t, d)
	if again == id || other.CSRF == s.CSRF {
		t.Error("two sessions have the same secrets")
	}
	for _, id := range []string{"", "x", s.CSRF, id + "x"} {
		if d.Session(id) != nil {
			t.Errorf("%q is a session", id)
		}
	}
	d.SignOut(id)
	if d.Session(id) != nil || d.Session(again) == nil {
		t.Error("signing out ends another session, or none")
	}
}

func TestWrongPasswords(t *testing.T) {
	d := signin.New()
	long := strings.Repeat("x", signin.MaxPassword)
	if err := d.SetUsers(map[string][]byte{"alice": hash(t, password), "bob": hash(t, long)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.SignIn("bob", long, here, ""); err != nil {
		t.Errorf("a password of the greatest length: %v", err)
	}
	for i, c := range [][2]string{
		{"alice", ""},
		{"alice", "wrong"},
		{"alice", password + "x"},
		{"carol", password},
		{"", ""},
		{"", password},
		{"bob", long + "x"},
		{strings.Repeat("a", 1000), password},
		{"ALICE", password},
	} {
		from := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		if _, _, err := d.SignIn(c[0], c[1], from, ""); !errors.Is(err, signin.ErrRefused) || err.Error() != signin.ErrRefused.Error() {
			t.Errorf("%.10q, %.10q: %v", c[0], c[1], err)
		}
		if err := d.Check(c[0], c[1], from); !errors.Is(err, signin.ErrRefused) {
			t.Errorf("script %.10q, %.10q: %v", c[0], c[1], err)
		}
	}
}

// TestSessionFixation: an id that somebody planted is worth nothing after the sign-in.
func TestSessionFixation(t *testing.T) {
	d := door(t)
	planted, _ := in(t, d)
	id, _, err := d.SignIn("alice", password, here, planted)
	if err != nil || id == planted || d.Session(planted) != nil || d.Session(id) == nil {
		t.Errorf("the planted session lives on: %v", err)
	}
	if id, _, _ := d.SignIn("alice", password, here, "made up"); id == "made up" || d.Session("made up") != nil {
		t.Error("a made up id became a session")
	}
}

func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := door(t)
		idle, _ := in(t, d)
		busy, _ := in(t, d)
		for range 3 {
			time.Sleep(signin.SessionIdle - time.Second)
			if d.Session(busy) == nil {
				t.Fatal("a session in use ended")
			}
		}
		if d.Session(idle) != nil {
			t.Error("an idle session lives on")
		}
		for d.Session(busy) != nil {
			if time.Sleep(time.Minute); time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) > 13*time.Hour {
				t.Fatal("a session lives for ever")
			}
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := door(t)
		var ids []string
		for range 70 {
			id, _ := in(t, d)
			ids = append(ids, id)
			time.Sleep(time.Second)
		}
		n := 0
		for _, id := range ids {
			if d.Session(id) != nil {
				n++
			}
		}
		if n != 64 || d.Session(ids[0]) != nil || d.Session(ids[69]) == nil {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestBruteForce guesses from one address, and from ever new ones.
func TestBruteForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := door(t)
		looked := 0
		for range 3600 {
			if _, _, err := d.SignIn("alice", "guess", here, ""); errors.Is(err, signin.ErrRefused) {
				looked++
			} else if _, ok := errors.AsType[*signin.WaitError](err); !ok {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if looked > 20 {
			t.Errorf("%d guesses in an hour from one address", looked)
		}
		// The right one is not looked at either until the time has come.
		if _, _, err := d.SignIn("alice", password, here, ""); err == nil {
			t.Error("who guesses is let in")
		}
		time.Sleep(time.Hour)
		in(t, d)

		looked = 0
		for i := range 3600 {
			from := netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)})
			if _, _, err := d.SignIn("alice", "guess", from, ""); errors.Is(err, signin.ErrRefused) {
				looked++
			}
			time.Sleep(time.Second)
		}
		if looked > 100 {
			t.Errorf("%d guesses in an hour at one user", looked)
		}
		// Nobody else can keep alice out of where she was let in before.
		in(t, d)
		if _, ok := errors.AsType[*signin.WaitError](d.Check("alice", password, there)); ok {
			t.Error("her sign-in forgave nothing")
		}
	})
}

// TestGuessingTellsNoUsers: who is not there is slowed down as who is.
func TestGuessingTellsNoUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := door(t)
		answers := map[string]string{}
		for _, user := range []string{"alice", "nobody"} {
			for i := range 40 {
				from := netip.AddrFrom4([4]byte{203, 0, user[0], byte(i)})
				answers[user] += fmt.Sprintln(d.Check(user, "guess", from))
			}
		}
		if answers["alice"] != answers["nobody"] {
			t.Errorf("alice is answered\n%snobody\n%s", answers["alice"], answers["nobody"])
		}
	})
}

// TestOneGuesserHasManyAddresses of IPv6.
func TestOneGuesserHasManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := door(t)
		var last error
		for i := range 10 {
			last = d.Check(fmt.Sprint("user", i), "guess", netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)))
		}
		if _, ok := errors.AsType[*signin.WaitError](last); !ok {
			t.Errorf("got %v", last)
		}
		if err := d.Check("alice", password, netip.MustParseAddr("2001:db8:0:1::1")); err != nil {
			t.Errorf("another network: %v", err)
		}
		if _, ok := errors.AsType[*signin.WaitError](d.Check("x", "guess", netip.MustParseAddr("::ffff:192.0.2.1"))); ok {
			t.Error("an IPv4 address in IPv6's clothes counts for all of them")
		}
	})
}

// TestMemoryOfFailuresIsBounded and who fails most is remembered.
func TestMemoryOfFailuresIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := door(t)
		for range 7 {
			_ = d.Check("x", "guess", here)
		}
		for i := range 5000 {
			d.Try(fmt.Sprint("user", i), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		}
		if a, u := d.Remembered(); a > 4096 || u > 4096 {
			t.Errorf("%d addresses and %d users are remembered", a, u)
		}
		if _, ok := errors.AsType[*signin.WaitError](d.Check("y", "guess", here)); !ok {
			t.Error("others' failures made the guesser's forgotten")
		}
	})
}

func TestChangedUsersAreOut(t *testing.T) {
	d := signin.New()
	alice := hash(t, password)
	if err := d.SetUsers(map[string][]byte{"alice": alice, "bob": alice, "carol": alice}); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, user := range []string{"alice", "bob", "carol"} {
		id, _, err := d.SignIn(user, password, here, "")
		if err != nil || d.Check(user, password, here) != nil {
			t.Fatal(err)
		}
		ids[user] = id
	}
	if err := d.SetUsers(map[string][]byte{"alice": alice, "bob": hash(t, "another")}); err != nil {
		t.Fatal(err)
	}
	for user, stays := range map[string]bool{"alice": true, "bob": false, "carol": false} {
		if got := d.Session(ids[user]) != nil; got != stays {
			t.Errorf("%s is in: %v", user, got)
		}
		if got := d.Check(user, password, here) == nil; got != stays {
			t.Errorf("%s's script is let in: %v", user, got)
		}
	}
}

func TestBadHashes(t *testing.T) {
	for _, bad := range []string{"", "secret", "$2a$31$" + strings.Repeat("a", 53), "$1$abc"} {
		if err := signin.New().SetUsers(map[string][]byte{"alice": []byte(bad)}); err == nil || !strings.Contains(err.Error(), `"alice"`) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestHashingIsBounded: however many ask at once, a few are looked at and the rest sent away.
func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := door(t)
		d.Occupy()
		busy := make(chan error, 100)
		for i := range 100 {
			user := "alice"
			if i%25 > 0 { // a user's tries count while they are looked at, and too many of them wait
				user = fmt.Sprint("user", i)
			}
			go func() { busy <- d.Check(user, password, netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})) }()
		}
		synctest.Wait()
		if n := len(busy); n != 84 {
			t.Errorf("%d were sent away at once, want all but 16", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for range 100 {
			if err := <-busy; !errors.Is(err, signin.ErrBusy) {
				t.Errorf("got %v", err)
			}
		}
		// That was no guess.
		if err := d.Free().Check("alice", password, netip.AddrFrom4([4]byte{10, 1, 0, 1})); err != nil {
			t.Error(err)
		}
	})
}
