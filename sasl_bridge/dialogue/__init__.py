"""What we say to a remote server to try one login; client side, sans-IO."""
