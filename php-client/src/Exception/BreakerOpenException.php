<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * The origin failed repeatedly and the broker gives it a pause.
 */
final class BreakerOpenException extends NetworkException {}
