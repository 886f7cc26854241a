<?php

declare(strict_types=1);

namespace Hawser\Internal\Connection;

use RuntimeException;

/**
 * There is no broker at the socket's path, or none that answers. Nothing was sent.
 *
 * @internal
 */
final class CannotOpen extends RuntimeException {}
