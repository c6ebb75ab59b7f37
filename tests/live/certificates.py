"""The certificates of the servers behind TLS: made anew at each start, with the `openssl` program."""

import ssl
import subprocess
import threading

from processes import STATE, CannotRun


class Certificates:
    """An authority, and a server and a client that it vouches for."""

    def __init__(self):
        self.home = STATE / "tls"
        self.ca, self.server, self.key, self.client = (
            self.home / name for name in ("ca.pem", "server.pem", "server.key", "client.pem"))
        self.made = threading.Lock()

    def openssl(self, *args):
        try:
            done = subprocess.run(["openssl", *map(str, args)], cwd=self.home, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=30)
        except FileNotFoundError:
            raise CannotRun("the program openssl is not installed") from None
        if done.returncode != 0:
            raise CannotRun(f"openssl {args[0]}: {done.stderr.strip()[-160:]}")

    def signed(self, name, extensions):
        (self.home / f"{name}.ext").write_text(extensions)
        self.openssl("req", "-new", *self.new_key(f"{name}.key"), "-subj", f"/CN={name}", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")

    @staticmethod
    def new_key(file):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file

    def ready(self):
        """Makes them once; answers what a client needs."""
        with self.made:
            if not self.home.exists():
                self.home.mkdir(parents=True, mode=0o700)
                self.openssl("req", "-x509", *self.new_key("ca.key"), "-subj", "/CN=live authority", "-days", "2",
                             "-addext", "keyUsage=critical,keyCertSign", "-out", "ca.pem")
                self.signed("server", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
                self.signed("client", "subjectAltName=DNS:console\nextendedKeyUsage=clientAuth\n")
                with self.client.open("a") as both:
                    both.write((self.home / "client.key").read_text())
        tls = ssl.create_default_context(cafile=str(self.ca))
        tls.load_cert_chain(str(self.client))
        return tls
