<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * The TLS handshake with the origin failed: untrusted, expired, for another name, or otherwise.
 */
final class TlsException extends NetworkException {}
