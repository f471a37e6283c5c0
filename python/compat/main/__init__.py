"""PRPC under the package name of its older layout. A wheel of its own: not everybody wants a package called `main`."""
