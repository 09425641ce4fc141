"""Making a clip: which adapter may serve (`choice`), the loaded base (`engine`), one worker."""
