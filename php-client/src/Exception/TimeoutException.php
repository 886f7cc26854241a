<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * Time ran out: for the whole exchange, for the first byte, or between two parts of a body.
 */
final class TimeoutException extends NetworkException {}
