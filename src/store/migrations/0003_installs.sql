-- Whose an installation of an app is, once a signup has said so. Captures that came before are held
-- under a stand-in for their user.
CREATE TABLE installs (
    project INTEGER NOT NULL,
    install TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (project, install)
) STRICT, WITHOUT ROWID;
