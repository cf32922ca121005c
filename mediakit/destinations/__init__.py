"""Where instances go: a remote SCP, a DICOMweb server, a folder. Sockets and files are opened here."""
