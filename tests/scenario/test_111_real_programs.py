# SPDX-License-Identifier: MIT
"""Programs that people run from inetd, with their real clients. What is not installed is skipped."""
import concurrent.futures.thread
import filecmp
import http.client
import os
import random
import shutil
import signal

from harness import *
from programs import *


def environment(t):
    """For the clients: nothing of the developer's own settings."""
    return {"PATH": PATH, "HOME": t.folder, "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0"}


def run(t, *command, status=0):
    done = t.run_command(command, env=environment(t), limit=60)
    equal(done.returncode, status, f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def at_once(count, work):
    """work(0) … work(count - 1) side by side; the first failure of any is raised."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def hand_over(t, path):
    """To the user that the programs of a daemon run as."""
    if t.is_root:
        for folder, _, names in os.walk(path):
            for name in ["", *names]:
                os.lchown(os.path.join(folder, name), NOBODY, NOBODY)


def make_tree(t, name, seed):
    """A folder with files of many sizes, some in subfolders."""
    dice = random.Random(seed)
    for folder in ("", "a", "a/b", "c"):
        os.makedirs(t.path(name, folder), exist_ok=True)
        for i in range(5):
            with open(t.path(name, folder, f"file {i}"), "wb") as file:
                file.write(dice.randbytes(dice.choice([0, 1, 1000, 70000, 300000])))
    return t.path(name)


def same_tree(left, right, ignore=()):
    """Same names, same contents."""
    found = filecmp.dircmp(left, right, ignore=list(ignore), hide=[])
    check(not found.left_only and not found.right_only and not found.funny_files,
          f"{left} and {right}: {found.left_only} {found.right_only} {found.funny_files}")
    _, different, errors = filecmp.cmpfiles(left, right, found.common_files, shallow=False)
    check(not different and not errors, f"{left} and {right}: {different} {errors} differ")
    for name in found.common_dirs:
        same_tree(os.path.join(left, name), os.path.join(right, name), ignore)


# ---- cat

@mark(alone=True)
def scenario_cat_64_mebibytes(t):
    """Both ways at once, through a program that holds the socket itself."""
    d = serve(t, ["/bin/cat"], workers=2).start()
    piece = os.urandom(1 << 20)
    count = 64
    with Client(d.port) as client:
        child = os.fork()
        if child == 0:
            for _ in range(count):
                client.send(piece)
            client.half_close()
            os._exit(0)
        for number in range(count):
            check(client.recv_exactly(len(piece)) == piece, f"MiB {number} came back unchanged")
        equal(client.recv_all(), b"", "and no more")
        os.waitpid(child, 0)
    equal(ended(d)["status"], "0", "status")


# ---- one-file scripts

def converse(t, name, *interpreters):
    """tests/programs/NAME: three clients that talk in turns, line by line."""
    d = serve(t, [installed(t, *interpreters), *interpreters[1:], script(t, name)], workers=3)
    d.start()
    clients = [Client(d.port) for _ in range(3)]
    files = [client.socket.makefile("rb") for client in clients]
    for file in files:
        equal(file.readline(), b"hello 127.0.0.1\n", "greeting")
    for word in (b"one\n", b"two words\n", b"three\n"):
        for client in clients:
            client.send(word)
        for file in files:
            equal(file.readline(), word.upper(), "answer")
    for client, file in zip(clients, files):
        equal(client.half_close().recv_all(), b"", "the end")
        file.close()
        client.close()
        d.wait_log(msg="stderr", peer=client.peer, text="bye")
    ended(d, 3, status="0")


def scenario_python_script(t):
    converse(t, "lines.py", "python3")


def scenario_perl_script(t):
    converse(t, "lines.pl", "perl")


def scenario_bash_script(t):
    converse(t, "lines.sh", "bash")


def scenario_ruby_script(t):
    converse(t, "lines.rb", "ruby")


def scenario_php_script(t):
    converse(t, "lines.php", "php")


def scenario_awk_script(t):
    """mawk reads ahead from anything that is no terminal, unless told not to."""
    name = os.path.basename(os.path.realpath(installed(t, "awk")))
    t.skip_where(name not in ("mawk", "gawk"), f"awk is {name}")
    converse(t, "lines.awk", "awk", *(["-W", "interactive"] if name == "mawk" else []), "-f")


def scenario_scripts_by_their_first_line(t):
    """The path of the script is the whole command."""
    for name, interpreter in (("lines.sh", "/bin/bash"), ("lines.pl", "/usr/bin/perl"),
                              ("lines.py", "/usr/bin/python3")):
        if os.path.exists(interpreter):
            d = serve(t, [script(t, name)], name=name).start()
            equal(answer(d.port, b"abc\n"), b"hello 127.0.0.1\nABC\n", name)
            d.stop()


# ---- git

def git_service(t, *options):
    git = installed(t, "git")
    t.skip_where(t.run_command([git, "daemon", "--help-me"]).returncode == 1, "no git daemon")
    make_tree(t, "work", 1)
    for command in (["init", "-q", "-b", "main"], ["add", "."],
                    ["-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q", "-m", "one"],
                    ["clone", "-q", "--bare", ".", t.path("base", "tree.git")]):
        run(t, git, "-C", t.path("work"), *command)
    hand_over(t, t.path("base"))
    return serve(t, [git, "daemon", "--inetd", "--export-all", f"--base-path={t.path('base')}",
                     *options], workers=4).start()


def scenario_git_daemon_clone(t):
    """Four clones at once; each is the repository, byte by byte, and passes git's own check."""
    d = git_service(t)

    def clone(number):
        path = t.path(f"clone{number}")
        run(t, "git", "clone", "-q", f"git://127.0.0.1:{d.port}/tree.git", path)
        run(t, "git", "-C", path, "fsck", "--full", "--strict")
        same_tree(t.path("work"), path, ignore=[".git"])
    at_once(4, clone)
    ended(d, 4, status="0")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_git_daemon_push(t):
    """What is pushed can be fetched, shallow as well."""
    d = git_service(t, "--enable=receive-pack")
    address = f"git://127.0.0.1:{d.port}/tree.git"
    make_tree(t, "work/more", 2)
    for command in (["add", "."], ["push", "-q", address, "main"]):
        run(t, "git", "-C", t.path("work"), *command)
        if command[0] == "add":
            run(t, "git", "-C", t.path("work"), "-c", "user.name=A", "-c", "user.email=a@b",
                "commit", "-q", "-m", "two")
    run(t, "git", "clone", "-q", "--depth=1", address, t.path("clone"))
    same_tree(t.path("work"), t.path("clone"), ignore=[".git"])


def scenario_git_daemon_refuses(t):
    """What it says to its client and to the log reaches both; it ends with a status, that is told."""
    d = git_service(t, "--verbose", "--informative-errors", "--log-destination=stderr")
    done = t.run_command(["git", "ls-remote", f"git://127.0.0.1:{d.port}/none.git"],
                         env=environment(t))
    check(done.returncode != 0 and "no such repository" in done.stderr, f"client: {done.stderr}")
    line = ended(d)
    check(line["status"] != "0", f"status: {line}")
    check(any("none.git" in r["text"] for r in d.log_lines(msg="stderr", peer=line["peer"])),
          "what it logged")


# ---- rsync

def rsync_service(t):
    rsync = installed(t, "rsync")
    make_tree(t, "tree", 3)
    os.mkdir(t.path("upload"))
    hand_over(t, t.path("upload"))
    write(t.path("rsyncd.conf"), f"use chroot = no\nmunge symlinks = no\n"
                                 f"[tree]\npath = {t.path('tree')}\nread only = yes\n"
                                 f"[upload]\npath = {t.path('upload')}\nread only = no\n")
    return serve(t, [rsync, "--daemon", f"--config={t.path('rsyncd.conf')}"], workers=3).start()


def scenario_rsync_daemon(t):
    """A tree fetched three times at once, and sent; compared."""
    d = rsync_service(t)
    address = f"rsync://127.0.0.1:{d.port}"
    listing = run(t, "rsync", f"{address}/")
    check("tree" in listing and "upload" in listing, f"modules: {listing}")

    def fetch(number):
        run(t, "rsync", "-rt", f"{address}/tree/", t.path(f"copy{number}/"))
        same_tree(t.path("tree"), t.path(f"copy{number}"))
    at_once(3, fetch)
    run(t, "rsync", "-rt", t.path("tree/"), f"{address}/upload/")
    same_tree(t.path("tree"), t.path("upload"))
    ended(d, 5)
    equal(d.service()["crashes"], 0, "crashes")


def scenario_rsync_through_a_reload_and_a_stop(t):
    """A transfer that is under way survives both."""
    d = rsync_service(t)
    slow = t.spawn(["rsync", "-rt", "--bwlimit=1000", f"rsync://127.0.0.1:{d.port}/tree/",
                    t.path("copy/")], env=environment(t))
    wait_until(lambda: d.service()["workers"]["busy"] == 1 and os.path.exists(t.path("copy")),
               "the transfer is under way")
    d.change("p", workers=2)
    d.reload()
    d.kill(signal.SIGTERM)
    equal(slow.wait(60), 0, "status of the client")
    d.wait_exit(0)
    same_tree(t.path("tree"), t.path("copy"))


# ---- web servers

def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def check_web(t, d):
    make_tree(t, "www", 4)
    for folder in ("", "a/b"):
        for i in range(5):
            with open(t.path("www", folder, f"file {i}"), "rb") as file:
                equal(get(d.port, f"/{folder}/file%20{i}".replace("//", "/")) == (200, file.read()),
                      True, f"{folder}/file {i}")
    equal(get(d.port, "/none")[0], 404, "status of what is not there")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_busybox_httpd(t):
    busybox = installed(t, "busybox")
    t.skip_where("httpd" not in t.run_command([busybox, "--list"]).stdout.split(),
                 "busybox has no httpd")
    os.mkdir(t.path("www"))
    check_web(t, serve(t, [busybox, "httpd", "-i", "-h", t.path("www")], workers=2).start())


def scenario_micro_httpd(t):
    program = installed(t, "micro-httpd", "micro_httpd")
    os.mkdir(t.path("www"))
    check_web(t, serve(t, [program, t.path("www")], workers=2).start())


# ---- UCSPI

def scenario_ucspi_tcp_programs(t):
    """Programs that tcpserver runs: recordio shows the conversation, fixcrio its line ends."""
    recordio, fixcrio = installed(t, "recordio"), installed(t, "fixcrio")
    d = serve(t, [recordio, fixcrio, *sh("read line; echo \"<$line>\"")]).start()
    with Client(d.port) as client:
        client.send(b"hello\n")
        equal(client.recv_all(), b"<hello\r>\r\n", "answer")
        d.wait_log(msg="stderr", peer=client.peer)
        wait_until(lambda: any(re.search(r"\d+ < hello", line["text"])
                               for line in d.log_lines(msg="stderr")), "recordio tells the line")


def scenario_ucspi_tcp_client(t):
    """tcpclient with a program on its side, descriptors 6 and 7."""
    tcpclient = installed(t, "tcpclient")
    d = serve(t, sh("read line; echo \"$line, $PROTO $TCPREMOTEIP\"")).start()
    text = run(t, tcpclient, "-RHl0", "127.0.0.1", str(d.port),
               *sh("echo hello >&7; exec cat <&6"))
    equal(text, "hello, TCP 127.0.0.1\n", "answer")


# ---- others

def scenario_finger_daemon(t):
    fingerd = installed(t, "in.fingerd", "fingerd")
    installed(t, "finger")
    d = serve(t, [fingerd]).start()
    with Client(d.port) as client:
        text = client.send(b"root\r\n").recv_all()
    check(b"root" in text and b"\r\n" in text, f"answer: {text}")


def scenario_svnserve(t):
    """Check out, commit, check out again, compare."""
    svnserve, svnadmin, svn = (installed(t, n) for n in ("svnserve", "svnadmin", "svn"))
    run(t, svnadmin, "create", t.path("repository"))
    write(t.path("repository", "conf", "svnserve.conf"), "[general]\nanon-access = write\n")
    hand_over(t, t.path("repository"))
    d = serve(t, [svnserve, "-i", "-r", t.path("repository")], workers=2).start()
    svn = [svn, "--config-dir", t.path("svn"), "--non-interactive"]
    run(t, *svn, "checkout", "-q", f"svn://127.0.0.1:{d.port}/", t.path("work"))
    make_tree(t, "work/tree", 5)
    run(t, *svn, "add", "-q", t.path("work/tree"))
    run(t, *svn, "commit", "-q", "-m", "one", t.path("work"))
    run(t, *svn, "checkout", "-q", f"svn://127.0.0.1:{d.port}/tree", t.path("copy"))
    same_tree(t.path("work/tree"), t.path("copy"), ignore=[".svn"])
    equal(d.service()["crashes"], 0, "crashes")
    shutil.rmtree(t.path("repository"))  # it keeps lock files


def scenario_sshd(t):
    """sshd -i: key exchange with a real client, three at once; it is the right host key."""
    sshd, keygen, keyscan = (installed(t, name) for name in ("sshd", "ssh-keygen", "ssh-keyscan"))
    os.mkdir(t.path("server"))
    run(t, keygen, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", t.path("server/host"))
    hand_over(t, t.path("server"))
    write(t.path("sshd.conf"), f"HostKey {t.path('server/host')}\nUsePAM no\nPidFile none\n")
    d = serve(t, [sshd, "-i", "-e", "-f", t.path("sshd.conf")], workers=3).start()
    with open(t.path("server/host.pub")) as file:
        key = file.read().split()[1]
    for text in at_once(3, lambda _: run(t, keyscan, "-t", "ed25519", "-p", str(d.port),
                                         "127.0.0.1")):
        check(key in text, f"the host's key: {text}")
    ended(d, 3)
