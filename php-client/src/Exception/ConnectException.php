<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * No connection to the origin came about: refused, unreachable, or too slow. The origin has not seen the request.
 */
final class ConnectException extends NetworkException {}
