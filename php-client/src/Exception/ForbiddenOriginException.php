<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * The egress policy of the broker refuses this origin, or the address that it resolved to.
 */
final class ForbiddenOriginException extends RequestException {}
