"""What every HTTP door needs: problem documents, bodies with a limit, bearer keys."""
