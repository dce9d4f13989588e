//! What no attack may touch, watched: files that nobody may open, a listener that must hear nothing, a folder that must stay empty.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, UdpSocket},
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tempfile::TempDir;

use crate::harness::{files, make_clip, output_of};

/// Everything that is watched.
#[derive(Debug)]
pub(crate) struct Canary {
    folder: TempDir,
    port: u16,
    calls: Arc<Mutex<Vec<String>>>,
    opened: Inotify,
}

impl Canary {
    /// Lays everything out and begins to watch.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (secrets, plant) = (folder.path().join("secrets"), folder.path().join("plant"));
        fs::create_dir(&secrets).unwrap();
        fs::create_dir(&plant).unwrap();
        make_clip(&secrets.join("c.mp4"), 1, "64x48");
        let picture = [
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=s=64x48",
            "-frames:v",
            "1",
        ];
        output_of(
            Command::new("ffmpeg")
                .args(picture)
                .arg(secrets.join("c.png")),
        );
        for name in ["c", "c.txt", "c.so", "c.ffpreset"] {
            fs::write(secrets.join(name), "null\n").unwrap();
        }
        let opened = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
        opened.add_watch(&secrets, AddWatchFlags::IN_OPEN).unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        Self {
            port: listen(&calls),
            folder,
            calls,
            opened,
        }
    }

    fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    fn plant(&self) -> PathBuf {
        self.folder.path().join("plant")
    }

    /// Puts what this run knows into a text.
    pub(crate) fn fill(&self, text: &str) -> String {
        let port = self.port;
        text.replace("{CANARY_DIR}", &self.secrets().display().to_string())
            .replace("{PWN_DIR}", &self.plant().display().to_string())
            .replace("{CANARY_URL}", &format!("http://127.0.0.1:{port}"))
            .replace("{CANARY_HOSTPORT}", &format!("127.0.0.1:{port}"))
            .replace("{CANARY_HOST_ESC}", &format!("127.0.0.1\\\\:{port}"))
            .replace("{PORT}", &port.to_string())
    }

    /// What was touched since the last time.
    pub(crate) fn touched(&self) -> Vec<String> {
        let mut touched: Vec<String> = self.calls.lock().unwrap().drain(..).collect();
        while let Ok(events) = self.opened.read_events() {
            // Events without a name are about the folder itself.
            let names = events.into_iter().filter_map(|event| event.name);
            touched.extend(names.map(|name| format!("opened {}", name.display())));
        }
        for planted in files(&self.plant()) {
            fs::remove_file(&planted).unwrap();
            touched.push(format!("wrote {planted}"));
        }
        touched
    }
}

/// Listens on one port of every address of this machine, by TCP and UDP; each call is noted.
fn listen(calls: &Arc<Mutex<Vec<String>>>) -> u16 {
    let tcp = TcpListener::bind("[::]:0").or_else(|_no_v6| TcpListener::bind("0.0.0.0:0"));
    let tcp = tcp.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).unwrap();
    let (called, packets) = (Arc::clone(calls), Arc::clone(calls));
    // Both threads end with the test program.
    std::thread::spawn(move || {
        for stream in tcp.incoming().filter_map(Result::ok) {
            called.lock().unwrap().push("called by TCP".to_owned());
            answer(stream);
        }
    });
    std::thread::spawn(move || {
        let mut packet = [0; 2048];
        while udp.recv(&mut packet).is_ok() {
            packets.lock().unwrap().push("called by UDP".to_owned());
        }
    });
    address.port()
}

/// Says that there is nothing, and hangs up.
fn answer(mut stream: std::net::TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .ok();
    stream.read_exact(&mut [0; 4]).ok();
    stream
        .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .ok();
}
